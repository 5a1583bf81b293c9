// SPDX-License-Identifier: Apache-2.0
//
// PlacedPayload::finish: writes the tables, reads the file back, gives it its name.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "payload/base/format.h"
#include "payload/codec/zstd.h"
#include "payload/writer/head.h"
#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

// Writes metadata and trailer after the data, the header before it. Returns the payload's size.
Result<uint64_t> write_metadata(const Layout& layout, const std::string& json, int level, const Target& target) {
  codec::ZstdCompressor compressor(level);
  SEALIFT_ASSIGN(const Bytes contents, compressor.compress(base::as_bytes(json)));
  const Bytes index = index_of(layout).encode();

  const uint64_t begin = layout.data_end;
  const uint64_t contents_offset = begin + format::kMetadataHeaderSize + 2 * format::kSectionEntrySize;
  const std::vector<format::Section> sections{
      {format::SectionType::contents, true, format::Encoding::zstd, contents_offset, contents.size(), json.size(),
       hash::sha256(contents)},
      {format::SectionType::index, true, format::Encoding::raw, contents_offset + contents.size(), index.size(),
       index.size(), hash::sha256(index)}};
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
    return fail(ErrorCode::limit_exceeded,
                "the payload would have {} bytes, {} of them metadata; at most {} and {} are allowed",
                trailer.payload_size, trailer.metadata_size, format::kMaxPayloadSize, format::kMaxMetadataSize);
  }
  SEALIFT_TRY(target.put(begin, metadata.data()));
  SEALIFT_TRY(target.put(begin + metadata.size(), format::encode(trailer)));
  SEALIFT_TRY(target.put(0, format::encode(format::Header{trailer.payload_size})));
  return trailer.payload_size;
}

// Verifies everything stored and decodes everything new.
Result<void> read_back(const format::PayloadReader& payload, const StoredObjects& objects,
                       std::span<const PlacedFrame> frames, unsigned threads, const CancelToken& cancel,
                       base::EventSink& events) {
  Progress progress(events, "verify", payload.payload_offset() + payload.payload_size());
  SEALIFT_ASSIGN(auto damage, payload.verify(
                                  threads, [&](format::VerifyProgress at) { progress.at(at.done); }, cancel,
                                  [&](size_t i) { return frames[i].is_read_back; }));
  if (damage.empty()) {
    std::vector<Digest> fresh;
    for (const auto& [digest, object] : objects) {
      // Of raw objects, the frames' hashes and the digest were computed from the same bytes: nothing is decoded.
      if (object.form == Form::framed || object.form == Form::small) fresh.push_back(digest);
    }
    SEALIFT_ASSIGN(damage, payload.verify_objects(fresh, threads, cancel));
  }
  if (damage.empty()) return {};
  return fail_while(std::move(damage.front().error),
                    base::format("reading back what was written ({})", damage.front().where));
}

}  // namespace

Result<Summary> PlacedPayload::finish(const std::map<Digest, format::LayerInfo>& layers, base::EventSink& events) {
  State& state = *state_;
  const Options& options = state.writer->options;
  if (!state.missing.empty())
    return fail(ErrorCode::internal, "{} objects were reserved and never came, {} first", state.missing.size(),
                state.missing.begin()->text());
  state.contents.layers.insert(layers.begin(), layers.end());
  const std::string json = format::to_json(state.contents);  // place() has checked it; layers are digests and numbers
  const Target target = state.target();
  SEALIFT_ASSIGN(const uint64_t payload_size, write_metadata(state.layout, json, options.zstd_level, target));

  SEALIFT_ASSIGN(const auto file, open_again(target.fd, state.writer->output));
  auto opened = format::PayloadReader::open(*file);
  if (!opened) return fail_while(std::move(opened).error(), "opening what was written");
  const format::PayloadReader& payload = **opened;
  if (state.launch) SEALIFT_TRY(write_head(payload, *state.launch, target.fd));
  SEALIFT_TRY(
      read_back(payload, state.writer->objects, state.layout.frames, state.writer->threads, options.cancel, events));
  SEALIFT_TRY(state.output.commit(state.launch ? 0755 : 0644));
  if (state.partial) state.partial->finished();

  Summary summary;
  summary.identity = payload.identity();
  summary.file_size = target.payload_offset + payload_size;
  summary.objects = state.layout.objects.size();
  summary.frames = state.layout.frames.size();
  summary.base_frames = state.layout.base_frames;
  for (const auto& object : state.layout.objects) summary.plain_bytes += object.size;
  for (const auto& frame : state.layout.frames) summary.stored_bytes += frame.frame.stored_size;
  return summary;
}

}  // namespace sealift::writer
