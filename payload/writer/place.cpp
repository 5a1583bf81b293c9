// SPDX-License-Identifier: Apache-2.0
//
// PayloadWriter::place: checks the contents' references, lays out the payload, writes the bytes that are here.
#include <algorithm>

#include "payload/base/version.h"
#include "payload/codec/zstd.h"
#include "payload/format/references.h"
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

Result<void> store_packs(std::vector<Pack>& packs, const StoredObjects& objects, const Spool& spool,
                         FrameWorkers& workers) {
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

// Copies the available frames to their places; runs that are contiguous at both ends are copied in one piece.
Result<void> copy_frames(const Layout& layout, const Spool& spool, const Target& target, const CancelToken& cancel,
                         base::EventSink& events) {
  Progress progress(events, "write", layout.data_end);
  constexpr uint64_t kMaxRun = uint64_t{64} << 20;  // so that cancelling and progress are not delayed
  for (size_t i = 0; i < layout.frames.size();) {
    SEALIFT_TRY(cancel.check());
    const PlacedFrame& first = layout.frames[i];
    if (first.from == From::later) {
      ++i;
      continue;
    }
    uint64_t size = 0;
    for (; i < layout.frames.size() && size < kMaxRun; ++i) {
      const PlacedFrame& next = layout.frames[i];
      if (next.from != first.from || next.base != first.base || next.source_offset != first.source_offset + size ||
          next.frame.offset != first.frame.offset + size)
        break;
      size += next.frame.stored_size;
    }
    const uint64_t to = target.payload_offset + first.frame.offset;
    if (first.from == From::base) {
      auto done =
          copy_range(first.base->file(), first.base->payload_offset() + first.source_offset, target.fd, to, size);
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

}  // namespace

Result<std::unique_ptr<PlacedPayload>> PayloadWriter::place(format::Contents contents,
                                                            std::optional<Architecture> launch,
                                                            base::EventSink& events) {
  State& state = *state_;
  SEALIFT_TRY(state.workers.drain());
  normalise(contents);
  fill_in(contents, state.bases);
  SEALIFT_TRY(format::for_each_reference(
      contents, [&](const auto& reference) { return check_reference(state.objects, reference); }));
  SEALIFT_TRY(check_launch(contents, launch));
  SEALIFT_TRY(check_json(contents));
  auto packs = pack_small_objects(state.objects, contents);
  SEALIFT_TRY(store_packs(packs, state.objects, state.spool, state.workers));
  SEALIFT_ASSIGN(Layout layout, lay_out(state.objects, packs, state.bases, contents));

  SEALIFT_ASSIGN(auto output, OutputFile::create(state.output));
  SEALIFT_TRY(copy_frames(layout, state.spool, {output.fd(), launch ? format::kPayloadOffset : 0}, state.options.cancel,
                          events));
  format::Index index = index_of(layout);
  std::set<Digest> missing;
  for (const auto& [digest, object] : state.objects) {
    if (object.form == Form::reserved) missing.insert(digest);
  }
  return std::unique_ptr<PlacedPayload>(
      new PlacedPayload(std::unique_ptr<PlacedPayload::State>(new PlacedPayload::State{std::move(state_),
                                                                                       std::move(contents),
                                                                                       launch,
                                                                                       std::move(layout),
                                                                                       std::move(index),
                                                                                       std::move(output),
                                                                                       {},
                                                                                       std::move(missing)})));
}

Result<Summary> PayloadWriter::finish(format::Contents contents, std::optional<Architecture> launch,
                                      base::EventSink& events) {
  SEALIFT_ASSIGN(const auto placed, place(std::move(contents), launch, events));
  return placed->finish({}, events);
}

}  // namespace sealift::writer
