// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/image_packer.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "packer/pack/transfer.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/writer/output_file.h"

namespace sealift::pack {
ImagePacker::ImagePacker(std::span<const resolve::ImageInput> images, writer::PayloadWriter& writer) {
  std::set<Digest> seen;
  const auto announce = [&](Job job) {
    if (!seen.insert(job.digest()).second) return;
    job.is_wanted = writer.reserve({job.digest(), job.blob.size});
    jobs_.push_back(std::move(job));
  };
  for (const auto& image : images) {
    for (const auto& document : image.plan.documents) {
      image::Descriptor descriptor;
      descriptor.digest = document.digest;
      descriptor.size = document.bytes.size();
      announce({&image, std::move(descriptor), &document.bytes});
    }
    for (const auto& blob : image.plan.blobs)
      announce({&image, blob.descriptor, blob.bytes ? &*blob.bytes : nullptr, blob.is_layer});
  }
  // The largest first: they determine the total time.
  std::ranges::stable_sort(jobs_, std::greater{}, [](const Job& job) { return job.blob.size; });
}

ImagePacker::Needs ImagePacker::needs(std::span<const format::PayloadReader* const> previous) const {
  Needs out;
  for (const auto& job : jobs_) {
    if (!job.is_wanted) continue;
    const bool is_held = std::ranges::any_of(previous, [&](const auto* artifact) {
      const auto object = artifact->find(job.digest());
      return object && object->raw_offset;
    });
    (is_held ? out.copied : out.fetched) += job.blob.size;
  }
  return out;
}

// One blob after the other, on several threads at once.
class ImagePacker::Filler {
 public:
  Filler(writer::PlacedPayload& payload, store::MeasuredLayers& measured,
         std::span<const format::PayloadReader* const> previous, const std::string& output, Transfer& transfer)
      : payload_(payload), measured_(measured), previous_(previous), output_(output), transfer_(transfer) {}

  // Of a blob, from an earlier artifact or from its source; one that an interrupted build has left goes on there.
  Result<void> bring(const Job& job, const CancelToken& stop) {
    const bool is_there = payload_.found(job.digest()) == job.blob.size;
    // If it can't be read any more, the next one or its source is asked.
    const auto holds = [&](const auto* artifact) {
      return payload_.take_over(job.digest(), *artifact).value_or(false);
    };
    if (!is_there && std::ranges::any_of(previous_, holds)) {
      transfer_.arrived(*job.image, {.from_previous = job.blob.size});
      return {};
    }
    const auto go_on = [&](base::Sink& sink, uint64_t begin) {
      Transfer::Counted to(transfer_, *job.image, sink);
      return fetch(job, begin, to, stop);
    };
    uint64_t found = 0;
    if (job.image->source->is_remote()) {
      SEALIFT_ASSIGN(found, payload_.resume(job.digest(), go_on));
    } else {
      SEALIFT_TRY(payload_.fill(job.digest(), [&](base::Sink& sink) { return go_on(sink, 0); }));
    }
    transfer_.arrived(*job.image, {.from_interrupted = found});
    return {};
  }

  Result<format::LayerInfo> measure(const Job& job, const CancelToken& stop) {
    if (const auto remembered = measured_.find(job.digest(), job.blob.media_type)) return *remembered;
    SEALIFT_ASSIGN(const auto layer, look_into(job, stop));
    measured_.note(job.digest(), job.blob.media_type, layer);
    return layer;
  }

 private:
  Result<format::LayerInfo> look_into(const Job& job, const CancelToken& stop) {
    for (const auto* artifact : previous_) {
      const auto& earlier = artifact->contents().layers;
      if (const auto measured = earlier.find(job.digest()); measured != earlier.end()) return measured->second;
    }
    if (const auto stored = payload_.stored(job.digest())) return sources::measure_layer(*stored, job.blob.media_type);
    SEALIFT_ASSIGN(auto fd, base::unnamed_file(writer::folder_of(output_)));
    base::FdSink sink(fd.get());
    SEALIFT_TRY(fetch(job, 0, sink, stop));
    SEALIFT_ASSIGN(const auto file, base::OpenFile::adopt(std::move(fd), job.digest().text()));
    SEALIFT_ASSIGN(const auto digest, hash::sha256(*file, 0, file->size()));
    if (digest != job.digest())
      return fail(ErrorCode::corrupt, "the bytes have digest {}, {} was expected", digest.text(), job.digest().text());
    base::FileSource bytes(*file);
    return sources::measure_layer(bytes, job.blob.media_type);
  }
  static Result<void> fetch(const Job& job, uint64_t begin, base::Sink& sink, const CancelToken& stop) {
    return job.image->source->blob(job.image->reference, job.blob, begin, sink, stop);
  }

  writer::PlacedPayload& payload_;
  store::MeasuredLayers& measured_;
  std::span<const format::PayloadReader* const> previous_;
  const std::string& output_;
  Transfer& transfer_;
};

Result<std::map<Digest, format::LayerInfo>> ImagePacker::fill(writer::PlacedPayload& payload,
                                                              const std::map<Digest, format::LayerInfo>& known,
                                                              store::MeasuredLayers& measured,
                                                              std::span<const format::PayloadReader* const> previous,
                                                              const std::string& output, EventSink& events,
                                                              const CancelToken& cancel) {
  Transfer transfer(base::system_clock(), events);
  for (const auto& job : jobs_) {
    if (job.is_wanted && job.bytes == nullptr) transfer.expect(*job.image, job.blob.size);
  }
  Filler filler(payload, measured, previous, output, transfer);
  std::mutex mutex;
  std::map<Digest, format::LayerInfo> layers;
  const auto carry_out = [&](const Job& job, const CancelToken& stop) -> Result<void> {
    if (job.is_wanted && job.bytes != nullptr)
      SEALIFT_TRY(payload.fill(job.digest(), [&](base::Sink& sink) { return sink.write(*job.bytes); }));
    else if (job.is_wanted)
      SEALIFT_TRY(filler.bring(job, stop));
    if (!job.is_layer || known.contains(job.blob.digest)) return {};
    SEALIFT_ASSIGN(const auto layer, filler.measure(job, stop));
    const std::lock_guard guard(mutex);
    layers[job.blob.digest] = layer;
    return {};
  };
  SEALIFT_TRY(base::try_parallel(
      jobs_.size(), sources::kRequests, cancel, [&](size_t i, const CancelToken& stop) -> Result<void> {
        auto done = carry_out(jobs_[i], stop);
        if (done) return {};
        const auto& image = *jobs_[i].image;
        return fail_while(std::move(done).error(),
                          base::format("packing {} ({})", image.reference.text(), image.origin.place.text()));
      }));
  return layers;
}

}  // namespace sealift::pack
