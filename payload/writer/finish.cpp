// SPDX-License-Identifier: Apache-2.0
//
// PayloadWriter::finish: lay out, write, read back, name.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "payload/base/version.h"
#include "payload/codec/zstd.h"
#include "payload/format/layout.h"
#include "payload/format/references.h"
#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

// A payload being written into a file at an offset.
struct Target {
  int fd = -1;
  uint64_t payload_offset = 0;

  Result<void> put(uint64_t offset, ByteView data) const {
    auto done = base::pwrite_all(fd, payload_offset + offset, data);
    if (!done) return fail_while(std::move(done).error(), "writing the payload");
    return {};
  }
};

class Progress {
 public:
  Progress(base::EventSink& events, std::string step, uint64_t total) : events_(events), step_(std::move(step)), total_(total) {}
  void at(uint64_t done) {
    if (done != total_ && done - told_ < std::max<uint64_t>(total_ / 200, 1)) return;
    told_ = done;
    events_.on({base::EventKind::progress, base::Level::info, {}, step_, {}, done, total_, base::system_clock().now()});
  }

 private:
  base::EventSink& events_;
  std::string step_;
  uint64_t total_;
  uint64_t told_ = 0;
};

// What to_json sorts must be sorted before, so that what is read back is what was given.
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

// Before anything is written: reading back would find it, too, but many gigabytes later.
Result<void> check_reference(const StoredObjects& objects, const format::Reference& reference) {
  const auto& [digest, size] = reference.object;
  const auto at = objects.find(digest);
  if (at == objects.end()) return fail(ErrorCode::not_found, "{} names object {}, which was not packed", reference.of, digest.text());
  if (at->second.size != size) return fail(ErrorCode::invalid_input, "{} says that object {} has {} bytes, it has {}", reference.of, digest.text(), size, at->second.size);
  return {};
}

// The contents' bytes, proven to be read back as they were meant.
Result<std::string> checked_json(const format::Contents& contents) {
  std::string json = format::to_json(contents);
  if (json.size() > format::kMaxContentsSize) {
    return fail(ErrorCode::limit_exceeded, "the table of contents has {} bytes, at most {} are allowed", json.size(), format::kMaxContentsSize);
  }
  auto back = format::parse_contents(json);
  if (!back) {
    Error error = std::move(back).error();
    error.code = ErrorCode::invalid_input;
    return fail_while(std::move(error), "checking the table of contents");
  }
  if (*back != contents) return fail(ErrorCode::invalid_input, "a name or path in the contents is not valid UTF-8");
  return json;
}

Result<void> store_packs(std::vector<Pack>& packs, const StoredObjects& objects, const Spool& spool, FrameWorkers& workers) {
  for (auto& pack : packs) {
    Bytes buffer = workers.acquire();
    size_t filled = 0;
    for (const auto& digest : pack.objects) {
      const StoredObject& object = objects.at(digest);
      const auto part = std::span(buffer).subspan(filled, static_cast<size_t>(object.size));
      if (auto done = spool.read(object.spool_offset, part); !done) {
        workers.release(std::move(buffer));
        return done;
      }
      filled += part.size();
    }
    SEALIFT_ASSIGN(pack.frame, workers.submit(std::move(buffer), filled, true, std::nullopt));
  }
  return workers.drain();
}

// Copies the frames to their places: neighbours that were neighbours before go in one piece.
Result<void> copy_frames(const Layout& layout, const Spool& spool, const Target& target, const CancelToken& cancel, base::EventSink& events) {
  Progress progress(events, "write", layout.data_end);
  constexpr uint64_t kMaxRun = uint64_t{64} << 20;  // so that cancelling and progress have their turn
  for (size_t i = 0; i < layout.frames.size();) {
    SEALIFT_TRY(cancel.check());
    const PlacedFrame& first = layout.frames[i];
    uint64_t size = 0;
    for (; i < layout.frames.size() && size < kMaxRun; ++i) {
      const PlacedFrame& next = layout.frames[i];
      if (next.base != first.base || next.source_offset != first.source_offset + size || next.frame.offset != first.frame.offset + size) break;
      size += next.frame.stored_size;
    }
    const uint64_t to = target.payload_offset + first.frame.offset;
    if (first.base != nullptr) {
      auto done = copy_range(first.base->file(), first.base->payload_offset() + first.source_offset, target.fd, to, size);
      if (!done) return fail_while(std::move(done).error(), "copying from a base");
    } else {
      SEALIFT_TRY(copy_range(spool.fd(), first.source_offset, target.fd, to, size));
      spool.forget(first.source_offset, size);
    }
    progress.at(first.frame.offset + size);
  }
  progress.at(layout.data_end);
  return {};
}

// Metadata and trailer after the data, the header before it. Returns the size of the payload.
Result<uint64_t> write_metadata(const Layout& layout, const std::string& json, int level, const Target& target) {
  codec::ZstdCompressor compressor(level);
  SEALIFT_ASSIGN(const Bytes contents, compressor.compress(base::as_bytes(json)));
  std::vector<format::Frame> frames;
  frames.reserve(layout.frames.size());
  for (const auto& placed : layout.frames) frames.push_back(placed.frame);
  const Bytes index = format::Index(layout.objects, layout.pieces, std::move(frames)).encode();

  const uint64_t begin = layout.data_end;
  const uint64_t contents_offset = begin + format::kMetadataHeaderSize + 2 * format::kSectionEntrySize;
  const std::vector<format::Section> sections{
      {format::SectionType::contents, true, format::Encoding::zstd, contents_offset, contents.size(), json.size(), hash::sha256(contents)},
      {format::SectionType::index, true, format::Encoding::raw, contents_offset + contents.size(), index.size(), index.size(), hash::sha256(index)}};
  base::ByteWriter metadata;
  metadata.bytes(format::encode_section_table(begin, sections));
  metadata.bytes(contents);
  metadata.bytes(index);

  format::Trailer trailer;
  trailer.metadata_offset = begin;
  trailer.metadata_size = metadata.size();
  trailer.metadata_hash = hash::sha256(metadata.data());
  trailer.payload_size = begin + metadata.size() + format::kTrailerSize;
  if (trailer.metadata_size > format::kMaxMetadataSize || trailer.payload_size > format::kMaxPayloadSize) {
    return fail(ErrorCode::limit_exceeded, "the payload would have {} bytes, {} of them metadata; at most {} and {} are allowed",
                trailer.payload_size, trailer.metadata_size, format::kMaxPayloadSize, format::kMaxMetadataSize);
  }
  SEALIFT_TRY(target.put(begin, metadata.data()));
  SEALIFT_TRY(target.put(begin + metadata.size(), format::encode(trailer)));
  SEALIFT_TRY(target.put(0, format::encode(format::Header{trailer.payload_size})));
  return trailer.payload_size;
}

// The program in front, taken from its own object.
Result<void> write_head(const format::PayloadReader& payload, Architecture launch, const Target& target) {
  const auto& stubs = payload.contents().stubs;
  const auto stub = std::ranges::find(stubs, launch, &format::Stub::architecture);
  uint64_t offset = 0;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    SEALIFT_TRY(base::pwrite_all(target.fd, offset, data));
    offset += data.size();
    return {};
  });
  return payload.read(stub->object.digest, {}, sink);
}

Result<void> check_launch(const format::Contents& contents, std::optional<Architecture> launch) {
  if (!launch) return {};
  const auto stub = std::ranges::find(contents.stubs, *launch, &format::Stub::architecture);
  if (stub == contents.stubs.end()) return fail(ErrorCode::not_found, "the payload holds no program for {} to start with", base::platform(*launch));
  if (stub->object.size > format::kPayloadOffset) {
    return fail(ErrorCode::limit_exceeded, "the program for {} has {} bytes, at most {} are allowed", base::platform(*launch),
                stub->object.size, format::kPayloadOffset);
  }
  return {};
}

// Everything stored, and everything new decoded.
Result<void> read_back(const format::PayloadReader& payload, const StoredObjects& objects, unsigned threads, const CancelToken& cancel, base::EventSink& events) {
  Progress progress(events, "verify", payload.payload_offset() + payload.payload_size());
  SEALIFT_ASSIGN(auto damage, payload.verify(threads, [&](format::VerifyProgress at) { progress.at(at.done); }, cancel));
  if (damage.empty()) {
    std::vector<Digest> fresh;
    for (const auto& [digest, object] : objects) {
      // Raw objects of one frame have been compared already: the frame's hash is their name.
      const bool compared = object.form == Form::raw && object.frames.size() <= 1;
      if (object.form != Form::base && !compared) fresh.push_back(digest);
    }
    SEALIFT_ASSIGN(damage, payload.verify_objects(fresh, threads, cancel));
  }
  if (damage.empty()) return {};
  return fail_while(std::move(damage.front().error), std::format("reading back what was written ({})", damage.front().where));
}

}  // namespace

Result<Summary> PayloadWriter::finish(format::Contents contents, std::optional<Architecture> launch, base::EventSink& events) {
  State& state = *state_;
  SEALIFT_TRY(state.workers.drain());
  normalise(contents);
  fill_in(contents, state.bases);
  SEALIFT_TRY(format::for_each_reference(contents, [&](const auto& reference) { return check_reference(state.objects, reference); }));
  SEALIFT_TRY(check_launch(contents, launch));
  SEALIFT_ASSIGN(const std::string json, checked_json(contents));
  auto packs = pack_small_objects(state.objects, contents);
  SEALIFT_TRY(store_packs(packs, state.objects, state.spool, state.workers));
  SEALIFT_ASSIGN(const Layout layout, lay_out(state.objects, packs, state.bases, contents));

  SEALIFT_ASSIGN(auto output, OutputFile::create(state.output));
  const Target target{output.fd(), launch ? format::kPayloadOffset : 0};
  SEALIFT_TRY(copy_frames(layout, state.spool, target, state.options.cancel, events));
  SEALIFT_ASSIGN(const uint64_t payload_size, write_metadata(layout, json, state.options.zstd_level, target));

  const int copy = ::fcntl(output.fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail_errno(errno, "duplicate a descriptor");
  SEALIFT_ASSIGN(const auto file, base::OpenFile::adopt(base::Fd(copy), state.output));
  auto opened = format::PayloadReader::open(*file);
  if (!opened) return fail_while(std::move(opened).error(), "opening what was written");
  const format::PayloadReader& payload = **opened;
  if (launch) SEALIFT_TRY(write_head(payload, *launch, target));
  SEALIFT_TRY(read_back(payload, state.objects, state.threads, state.options.cancel, events));
  SEALIFT_TRY(output.commit(launch ? 0755 : 0644));

  Summary summary;
  summary.identity = payload.identity();
  summary.file_size = target.payload_offset + payload_size;
  summary.objects = layout.objects.size();
  summary.frames = layout.frames.size();
  summary.base_frames = layout.base_frames;
  for (const auto& object : layout.objects) summary.plain_bytes += object.size;
  for (const auto& frame : layout.frames) summary.stored_bytes += frame.frame.stored_size;
  return summary;
}

}  // namespace sealift::writer
