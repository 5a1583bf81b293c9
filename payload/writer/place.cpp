// SPDX-License-Identifier: Apache-2.0
//
// PayloadWriter::place: checks the contents' references, lays out the payload, writes the bytes that are here.
#include <algorithm>

#include "payload/base/parallel.h"
#include "payload/base/version.h"
#include "payload/codec/zstd.h"
#include "payload/format/references.h"
#include "payload/writer/frame_workers.h"
#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

// Sorts what to_json sorts, so that the contents read back equal those given.
void normalise(format::Contents& contents) {
  std::ranges::sort(contents.apps, {}, &format::App::name);
  std::ranges::sort(contents.images, {}, &format::Image::name);
  std::ranges::sort(contents.stubs, {}, &format::Stub::architecture);
}

void fill_in(format::Contents& contents, const std::vector<const format::PayloadReader*>& bases) {
  if (contents.created_by.empty()) contents.created_by = std::format("sealift {}", base::kVersion);
  contents.compressors["zstd"] = codec::zstd_version();
  if (!contents.bases.empty()) return;
  for (const auto* base : bases) {
    contents.bases.push_back(base->identity());
    contents.bases.insert(contents.bases.end(), base->contents().bases.begin(), base->contents().bases.end());
  }
}

// Before anything is written: reading back would find it too, but many gigabytes later.
Result<void> check_reference(const StoredObjects& objects, const format::Reference& reference) {
  const auto& [digest, size] = reference.object;
  const auto at = objects.find(digest);
  if (at == objects.end())
    return fail(ErrorCode::not_found, "{} names object {}, which was not packed", reference.of, digest.text());
  if (at->second.size != size)
    return fail(ErrorCode::invalid_input, "{} says that object {} has {} bytes, it has {}", reference.of, digest.text(),
                size, at->second.size);
  return {};
}

// invalid_input if the contents, written and read back, would not be the same; limit_exceeded.
Result<void> check_json(const format::Contents& contents) {
  const std::string json = format::to_json(contents);
  if (json.size() > format::kMaxContentsSize) {
    return fail(ErrorCode::limit_exceeded, "the table of contents has {} bytes, at most {} are allowed", json.size(),
                format::kMaxContentsSize);
  }
  auto back = format::parse_contents(json);
  if (!back) {
    Error error = std::move(back).error();
    error.code = ErrorCode::invalid_input;
    return fail_while(std::move(error), "checking the table of contents");
  }
  if (*back != contents) return fail(ErrorCode::invalid_input, "a name or path in the contents is not valid UTF-8");
  return {};
}

Result<void> check_launch(const format::Contents& contents, std::optional<Architecture> launch) {
  if (!launch) return {};
  const auto stub = std::ranges::find(contents.stubs, *launch, &format::Stub::architecture);
  if (stub == contents.stubs.end())
    return fail(ErrorCode::not_found, "the payload holds no program for {} to start with", base::platform(*launch));
  if (stub->object.size > format::kPayloadOffset) {
    return fail(ErrorCode::limit_exceeded, "the program for {} has {} bytes, at most {} are allowed",
                base::platform(*launch), stub->object.size, format::kPayloadOffset);
  }
  return {};
}

// Copies the frames of bases to their places; runs that are contiguous at both ends are copied in one piece.
Result<void> copy_base_frames(std::span<const PlacedFrame> frames, const Target& target, const CancelToken& cancel,
                              Progress& progress) {
  constexpr uint64_t kMaxRun = uint64_t{64} << 20;  // so that cancelling and progress are not delayed
  for (size_t i = 0; i < frames.size();) {
    SEALIFT_TRY(cancel.check());
    const PlacedFrame& first = frames[i];
    uint64_t size = 0;
    for (; i < frames.size() && size < kMaxRun; ++i) {
      const PlacedFrame& next = frames[i];
      if (next.base != first.base || next.source_offset != first.source_offset + size ||
          next.frame.offset != first.frame.offset + size)
        break;
      size += next.frame.stored_size;
    }
    auto done = copy_range(first.base->file(), first.base->payload_offset() + first.source_offset, target.fd,
                           target.payload_offset + first.frame.offset, size);
    if (!done) return fail_while(std::move(done).error(), "copying from a base");
    progress.add(size);
  }
  return {};
}

std::unexpected<Error> has_changed(const StoredObject& object) {
  return fail(ErrorCode::corrupt, "{} has changed while it was packed; build again when nothing writes to it",
              object.origin->name);
}

// Reads an object a second time, and compares it with what it was.
class Rereader {
 public:
  static Result<Rereader> open(const Digest& digest, const StoredObject& object) {
    SEALIFT_ASSIGN(auto source, object.origin->open());
    return Rereader(digest, object, std::move(source));
  }

  // The next bytes; at most those that are left of the object.
  Result<void> read(std::span<std::byte> buffer) {
    SEALIFT_ASSIGN(const size_t count, base::read_full(*source_, buffer));
    hasher_.update(buffer.first(count));
    left_ -= count;
    if (count == buffer.size() && (left_ != 0 || hasher_.finish() == digest_)) return {};
    return has_changed(object_);
  }
  uint64_t left() const { return left_; }

 private:
  Rereader(const Digest& digest, const StoredObject& object, std::unique_ptr<base::Source> source)
      : digest_(digest), object_(object), source_(std::move(source)), left_(object.size) {}
  const Digest digest_;
  const StoredObject& object_;
  std::unique_ptr<base::Source> source_;
  hash::Sha256 hasher_;
  uint64_t left_;
};

// Reads what is compressed, in the order of its places, and lets the workers write it.
Result<std::vector<format::Frame>> compress(const LayoutBuilder& layout, const StoredObjects& objects,
                                            FrameWorkers& workers, const CancelToken& cancel, Progress& progress) {
  for (const auto& pack : layout.packs()) {
    SEALIFT_TRY(cancel.check());
    Bytes buffer = workers.acquire();
    size_t filled = 0;
    for (const auto& digest : pack.objects) {
      SEALIFT_ASSIGN(auto object, Rereader::open(digest, objects.at(digest)));
      const auto part = std::span(buffer).subspan(filled, static_cast<size_t>(object.left()));
      SEALIFT_TRY(object.read(part));
      filled += part.size();
    }
    SEALIFT_TRY(workers.submit(std::move(buffer), filled));
    progress.add(filled);
  }
  for (const auto& digest : layout.framed()) {
    SEALIFT_ASSIGN(auto object, Rereader::open(digest, objects.at(digest)));
    while (object.left() != 0) {
      SEALIFT_TRY(cancel.check());
      Bytes buffer = workers.acquire();
      const auto part = std::span(buffer).first(static_cast<size_t>(std::min(object.left(), format::kMaxFrameSize)));
      SEALIFT_TRY(object.read(part));
      SEALIFT_TRY(workers.submit(std::move(buffer), part.size()));
      progress.add(part.size());
    }
  }
  return workers.finish();
}

// Those raw objects whose bytes are on this machine.
Result<void> fill_raw(PlacedPayload& payload, const StoredObjects& objects, unsigned threads, const CancelToken& cancel,
                      Progress& progress) {
  std::vector<const StoredObjects::value_type*> own;
  for (const auto& entry : objects) {
    if (entry.second.form == Form::raw && entry.second.origin) own.push_back(&entry);
  }
  return base::try_parallel(own.size(), threads, cancel, [&](size_t i, const CancelToken&) -> Result<void> {
    const auto& [digest, object] = *own[i];
    SEALIFT_ASSIGN(const auto source, object.origin->open());
    auto done = payload.fill(digest, [&](base::Sink& sink) -> Result<void> {
      SEALIFT_TRY(base::copy(*source, sink));
      return {};
    });
    if (!done && done.error().code == ErrorCode::corrupt) return has_changed(object);
    progress.add(object.size);
    return done;
  });
}

// Bytes that place() reads.
uint64_t work_of(std::span<const PlacedFrame> base_frames, const StoredObjects& objects) {
  uint64_t sum = 0;
  for (const auto& placed : base_frames) sum += placed.frame.stored_size;
  for (const auto& [digest, object] : objects) sum += object.origin ? object.size : 0;
  return sum;
}

}  // namespace

Result<std::unique_ptr<PlacedPayload>> PayloadWriter::place(format::Contents contents,
                                                            std::optional<Architecture> launch,
                                                            base::EventSink& events) {
  State& state = *state_;
  SEALIFT_TRY(state.options.cancel.check());
  normalise(contents);
  fill_in(contents, state.bases);
  SEALIFT_TRY(format::for_each_reference(
      contents, [&](const auto& reference) { return check_reference(state.objects, reference); }));
  SEALIFT_TRY(check_launch(contents, launch));
  SEALIFT_TRY(check_json(contents));

  const Target target{state.output_file.fd(), launch ? format::kPayloadOffset : 0};
  LayoutBuilder builder(state.objects, contents);
  builder.add_bases(state.bases);
  Progress progress(events, "write", work_of(builder.frames(), state.objects));
  SEALIFT_TRY(copy_base_frames(builder.frames(), target, state.options.cancel, progress));
  FrameWorkers workers(target, builder.end(), state.threads, state.options.zstd_level);
  SEALIFT_ASSIGN(const auto compressed, compress(builder, state.objects, workers, state.options.cancel, progress));
  builder.add_compressed(compressed);
  SEALIFT_ASSIGN(Layout layout, std::move(builder).finish());

  format::Index index = index_of(layout);
  std::set<Digest> missing;
  for (const auto& [digest, object] : state.objects) {
    if (object.form == Form::raw) missing.insert(digest);
  }
  auto placed = std::unique_ptr<
      PlacedPayload>(new PlacedPayload(std::unique_ptr<PlacedPayload::State>(new PlacedPayload::State{
      std::move(state_), std::move(contents), launch, std::move(layout), std::move(index), {}, std::move(missing)})));
  SEALIFT_TRY(fill_raw(*placed, state.objects, state.threads, state.options.cancel, progress));
  return placed;
}

Result<Summary> PayloadWriter::finish(format::Contents contents, std::optional<Architecture> launch,
                                      base::EventSink& events) {
  SEALIFT_ASSIGN(const auto placed, place(std::move(contents), launch, events));
  return placed->finish({}, events);
}

}  // namespace sealift::writer
