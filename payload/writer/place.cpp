// SPDX-License-Identifier: Apache-2.0
//
// PayloadWriter::place: checks the contents' references, lays out the payload, writes the bytes that are here.
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/version.h"
#include "payload/codec/zstd.h"
#include "payload/format/references.h"
#include "payload/writer/head.h"
#include "payload/writer/write_objects.h"

namespace sealift::writer {
namespace {

// Sorts what to_json sorts, so that the contents read back equal those given.
void normalise(format::Contents& contents) {
  std::ranges::sort(contents.apps, {}, &format::App::name);
  std::ranges::sort(contents.images, {}, &format::Image::name);
  std::ranges::sort(contents.stubs, {}, &format::Stub::architecture);
}

void fill_in(format::Contents& contents, const std::vector<const format::PayloadReader*>& bases) {
  if (contents.created_by.empty()) contents.created_by = base::format("sealift {}", base::kVersion);
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
    return fail(
        ErrorCode::limit_exceeded,
        "the table of contents has {} bytes, at most {} are allowed, and it has {} files: put some of them into "
        "an archive, or into an artifact of their own",
        json.size(), format::kMaxContentsSize, contents.tree.size());
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

// Where the bytes of reserved objects belong in the file.
std::map<Digest, Remains> places_of(const StoredObjects& objects, const format::Index& index, uint64_t payload_offset) {
  std::map<Digest, Remains> out;
  for (const auto& [digest, object] : objects) {
    if (object.form != Form::raw || object.origin || object.size == 0) continue;
    out[digest] = {payload_offset + *index.raw_offset(*index.find(digest)), object.size, 0};
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<PlacedPayload>> PayloadWriter::place(format::Contents contents,
                                                            std::optional<Architecture> launch, base::EventSink& events,
                                                            std::unique_ptr<Partial> partial) {
  State& state = *state_;
  SEALIFT_TRY(state.options.cancel.check());
  normalise(contents);
  fill_in(contents, state.bases);
  SEALIFT_TRY(format::for_each_reference(
      contents, [&](const auto& reference) { return check_reference(state.objects, reference); }));
  SEALIFT_TRY(check_launch(contents, launch));
  SEALIFT_TRY(check_json(contents));

  const uint64_t payload_offset = launch ? format::kPayloadOffset : 0;
  const Target target{state.output_file.fd(), payload_offset};
  LayoutBuilder builder(state.objects, contents);
  builder.add_bases(state.bases);
  Progress progress(events, "write", work_of(builder.frames(), state.objects));
  SEALIFT_TRY(copy_base_frames(builder.frames(), state.verified_bases, target, state.options.cancel, progress));
  FrameWorkers workers(target, builder.end(), state.threads, state.options.zstd_level);
  SEALIFT_ASSIGN(const auto compressed, compress(builder, state.objects, workers, state.options.cancel, progress));
  builder.add_compressed(compressed);
  SEALIFT_ASSIGN(Layout layout, std::move(builder).finish());

  format::Index index = index_of(layout);
  SEALIFT_ASSIGN(auto output, partial ? partial->arrange(places_of(state.objects, index, payload_offset),
                                                         std::move(state.output_file))
                                      : Result<OutputFile>(std::move(state.output_file)));
  std::set<Digest> missing;
  for (const auto& [digest, object] : state.objects) {
    if (object.form == Form::raw) missing.insert(digest);
  }
  auto placed = std::unique_ptr<PlacedPayload>(
      new PlacedPayload(std::unique_ptr<PlacedPayload::State>(new PlacedPayload::State{std::move(state_),
                                                                                       std::move(contents),
                                                                                       launch,
                                                                                       std::move(layout),
                                                                                       std::move(index),
                                                                                       std::move(output),
                                                                                       std::move(partial),
                                                                                       {},
                                                                                       std::move(missing)})));
  SEALIFT_TRY(fill_raw(*placed, state.objects, state.threads, state.options.cancel, progress));
  return placed;
}

Result<Summary> PayloadWriter::finish(format::Contents contents, std::optional<Architecture> launch,
                                      base::EventSink& events) {
  SEALIFT_ASSIGN(const auto placed, place(std::move(contents), launch, events));
  return placed->finish({}, events);
}

}  // namespace sealift::writer
