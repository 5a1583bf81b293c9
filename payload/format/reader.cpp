// SPDX-License-Identifier: Apache-2.0
#include "payload/format/reader.h"

#include <algorithm>
#include <array>

#include "payload/base/checked.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/codec/zstd.h"
#include "payload/format/reader_state.h"
#include "payload/format/references.h"
#include "payload/format/trailer.h"

namespace sealift::format {
namespace {

// Checks that an object named by contents exists and has the stated size.
Result<void> check_reference(const Index& index, const Reference& reference) {
  const auto& [digest, size] = reference.object;
  const IndexObject* object = index.find(digest);
  if (object == nullptr)
    return fail(ErrorCode::corrupt, "{} names object {}, which is not in the payload", reference.of, digest.text());
  if (object->size != size)
    return fail(ErrorCode::corrupt, "{} says that object {} has {} bytes, it has {}", reference.of, digest.text(), size,
                object->size);
  return {};
}

// Checks that frames and sections of the data area neither overlap nor leave larger gaps than padding needs.
Result<void> check_data_area(std::vector<ByteRange> fixed, const Index& index, base::FileOffset data_end) {
  for (const auto& frame : index.frames()) fixed.push_back({frame.offset, frame.stored_size});
  std::ranges::sort(fixed, {}, &ByteRange::offset);
  base::FileOffset end = 0;
  fixed.push_back({data_end, 0});
  for (const auto& range : fixed) {
    if (range.offset < end)
      return fail(ErrorCode::corrupt, "the payload's parts overlap at payload offset {}", range.offset);
    if (range.offset - end >= kAlignment)
      return fail(ErrorCode::corrupt, "{} bytes of nothing at payload offset {}", range.offset - end, end);
    end = range.offset + range.size;
  }
  return {};
}

const Section& section_of(const std::vector<Section>& sections, SectionType type) {
  return *std::ranges::find(sections, type, &Section::type);
}

Result<Index> read_index(ByteView metadata, const Trailer& trailer, const std::vector<Section>& sections) {
  SEALIFT_ASSIGN(const Bytes bytes,
                 section_bytes(metadata, trailer, section_of(sections, SectionType::index), kMaxMetadataSize));
  return Index::parse(bytes, trailer.metadata_offset);
}

ObjectInfo describe(const Index& index, const IndexObject& object) {
  return {object.digest, object.size, index.raw_offset(object)};
}

}  // namespace

std::shared_ptr<const Bytes> FrameCache::find(size_t frame) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find(entries_, frame, [](const auto& entry) { return entry.first; });
  if (at == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at);
  return at->second;
}

void FrameCache::put(size_t frame, std::shared_ptr<const Bytes> plain) {
  const std::lock_guard lock(mutex_);
  entries_.emplace_front(frame, std::move(plain));
  if (entries_.size() > kFrames) entries_.pop_back();
}

Result<Bytes> PayloadReader::State::load_stored(const Frame& frame) const {
  Bytes stored(static_cast<size_t>(frame.stored_size));
  SEALIFT_TRY(file->read_at(payload_offset + frame.offset, stored));
  if (hash::sha256(stored) != frame.stored_hash) {
    return fail(ErrorCode::corrupt,
                "the file is damaged at payload offset {} ({} bytes); copy it again, `verify` lists all damage",
                frame.offset, frame.stored_size);
  }
  return stored;
}

Result<Bytes> PayloadReader::State::load_plain(const Frame& frame) const {
  SEALIFT_ASSIGN(auto stored, load_stored(frame));
  if (frame.encoding == Encoding::raw) return stored;
  auto plain = codec::zstd_decompress(stored, static_cast<size_t>(frame.plain_size));
  if (!plain)
    return fail_while(std::move(plain).error(), base::format("decoding the frame at payload offset {}", frame.offset));
  return plain;
}

std::vector<ByteRange> PayloadReader::State::fixed_ranges() const {
  std::vector<ByteRange> ranges{{0, kHeaderSize}};
  for (const auto& section : sections) {
    if (section.offset < trailer.metadata_offset) ranges.push_back({section.offset, section.size});
  }
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  return ranges;
}

PayloadReader::PayloadReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PayloadReader::~PayloadReader() = default;

Result<std::unique_ptr<PayloadReader>> PayloadReader::open(const base::RandomAccessFile& file) {
  SEALIFT_ASSIGN(const Trailer trailer, read_trailer(file));
  if (trailer.payload_size > file.size()) {
    return fail(ErrorCode::truncated, "the payload has {} bytes, the file only {}: its beginning is missing",
                trailer.payload_size, file.size());
  }
  const base::FileOffset payload_offset = file.size() - trailer.payload_size;
  if (payload_offset != 0 && payload_offset != kPayloadOffset) {
    return fail(ErrorCode::corrupt, "the payload begins at offset {} of the file; it must be 0 or {}", payload_offset,
                kPayloadOffset);
  }
  Bytes metadata(static_cast<size_t>(trailer.metadata_size));
  SEALIFT_TRY(file.read_at(payload_offset + trailer.metadata_offset, metadata));
  if (hash::sha256(metadata) != trailer.metadata_hash) {
    return fail(
        ErrorCode::corrupt,
        "the file is damaged: its metadata at payload offset {} ({} bytes) does not match its hash; copy it again",
        trailer.metadata_offset, trailer.metadata_size);
  }
  auto sections = parse_section_table(metadata, trailer);
  if (!sections) return fail_while(std::move(sections).error(), "reading the payload's section table");

  auto index = read_index(metadata, trailer, *sections);
  if (!index) return fail_while(std::move(index).error(), "reading the payload's index");
  SEALIFT_ASSIGN(Bytes contents_bytes,
                 section_bytes(metadata, trailer, section_of(*sections, SectionType::contents), kMaxContentsSize));
  metadata = Bytes();  // frees it before contents take more
  auto contents = parse_contents(base::as_text(contents_bytes));
  if (!contents) return fail_while(std::move(contents).error(), "reading the payload's contents");
  contents_bytes = Bytes();

  auto state = std::unique_ptr<State>(
      new State{&file, payload_offset, trailer, std::move(*sections), std::move(*contents), std::move(*index), {}});
  SEALIFT_TRY(for_each_reference(state->contents,
                                 [&](const Reference& reference) { return check_reference(state->index, reference); }));
  SEALIFT_TRY(check_data_area(state->fixed_ranges(), state->index, trailer.metadata_offset));
  return std::unique_ptr<PayloadReader>(new PayloadReader(std::move(state)));
}

const Contents& PayloadReader::contents() const { return state_->contents; }
const Digest& PayloadReader::identity() const { return state_->trailer.metadata_hash; }

std::string PayloadReader::artifact_name() const {
  const auto& name = contents().name;
  const auto& version = contents().version;
  if (name.empty()) return identity().hex().substr(0, 12);
  return base::printable(version.empty() ? name : name + " " + version);
}
uint64_t PayloadReader::payload_size() const { return state_->trailer.payload_size; }
base::FileOffset PayloadReader::payload_offset() const { return state_->payload_offset; }
const base::RandomAccessFile& PayloadReader::file() const { return *state_->file; }
const Index& PayloadReader::index() const { return state_->index; }

std::optional<ObjectInfo> PayloadReader::find(const Digest& digest) const {
  const IndexObject* object = state_->index.find(digest);
  if (object == nullptr) return std::nullopt;
  return describe(state_->index, *object);
}

std::vector<ObjectInfo> PayloadReader::objects() const {
  std::vector<ObjectInfo> out;
  out.reserve(state_->index.objects().size());
  for (const auto& object : state_->index.objects()) out.push_back(describe(state_->index, object));
  return out;
}

Result<void> PayloadReader::read(const Digest& digest, ByteRange range, base::Sink& sink) const {
  State& state = *state_;
  const IndexObject* object = state.index.find(digest);
  if (object == nullptr) return fail(ErrorCode::not_found, "the payload holds no object {}", digest.text());
  if (range.offset > object->size || (range.size != UINT64_MAX && range.size > object->size - range.offset)) {
    return fail(ErrorCode::invalid_input, "bytes {}+{} of object {} were asked for, which has {}", range.offset,
                range.size, digest.text(), object->size);
  }
  const uint64_t begin = range.offset;
  const uint64_t end = range.size == UINT64_MAX ? object->size : range.offset + range.size;
  const bool whole = begin == 0 && end == object->size;
  hash::Sha256 hasher;
  uint64_t position = 0;  // of the piece within the object
  for (const auto& piece : state.index.pieces(*object)) {
    const FrameRun run = state.index.frames_of(piece);
    const uint64_t piece_begin = state.index.plain_start(piece.frame) + piece.offset;
    for (size_t i = run.begin; i < run.end; ++i) {
      const Frame& frame = state.index.frames()[i];
      const uint64_t frame_begin = state.index.plain_start(i);
      // The part of this frame that belongs to the piece, as offsets in the object, clipped to the wanted range.
      const uint64_t from = std::max(position + (std::max(frame_begin, piece_begin) - piece_begin), begin);
      const uint64_t to =
          std::min(position + (std::min(frame_begin + frame.plain_size, piece_begin + piece.size) - piece_begin), end);
      if (from >= to) continue;
      auto plain = state.cache.find(i);
      if (!plain) {
        auto loaded = state.load_plain(frame);
        if (!loaded) return fail_while(std::move(loaded).error(), base::format("reading object {}", digest.text()));
        plain = std::make_shared<const Bytes>(std::move(*loaded));
        if (to - from < frame.plain_size && frame.plain_size <= FrameCache::kFrameLimit) state.cache.put(i, plain);
      }
      const uint64_t in_frame = piece_begin + (from - position) - frame_begin;
      const ByteView part = ByteView(*plain).subspan(static_cast<size_t>(in_frame), static_cast<size_t>(to - from));
      if (whole) hasher.update(part);
      SEALIFT_TRY(sink.write(part));
    }
    position += piece.size;
  }
  if (whole && hasher.finish() != digest) {
    return fail(ErrorCode::corrupt, "object {} does not have the bytes that its name says", digest.text());
  }
  return {};
}

Result<Bytes> PayloadReader::read_all(const Digest& digest, size_t limit) const {
  const IndexObject* object = state_->index.find(digest);
  if (object != nullptr && object->size > limit) {
    return fail(ErrorCode::limit_exceeded, "object {} has {} bytes, at most {} are read here", digest.text(),
                object->size, limit);
  }
  base::MemorySink sink(limit);
  SEALIFT_TRY(read(digest, {}, sink));
  return sink.take();
}

Result<Bytes> PayloadReader::read_tree(const std::string& path, size_t limit) const {
  const auto at = state_->contents.tree.find(path);
  if (at == state_->contents.tree.end()) return fail(ErrorCode::not_found, "the payload's tree holds no {}", path);
  auto bytes = read_all(at->second.object.digest, limit);
  if (!bytes) return fail_while(std::move(bytes).error(), "reading " + path + " of the payload's tree");
  return bytes;
}

Result<std::vector<Frame>> PayloadReader::frames_of(std::span<const Digest> objects) const {
  std::vector<bool> taken(state_->index.frames().size());
  std::vector<Frame> out;
  for (const auto& digest : objects) {
    const IndexObject* object = state_->index.find(digest);
    if (object == nullptr) return fail(ErrorCode::not_found, "the payload holds no object {}", digest.text());
    for (const auto& piece : state_->index.pieces(*object)) {
      const FrameRun run = state_->index.frames_of(piece);
      for (size_t i = run.begin; i < run.end; ++i) {
        if (!taken[i]) out.push_back(state_->index.frames()[i]);
        taken[i] = true;
      }
    }
  }
  return out;
}

std::vector<Frame> PayloadReader::all_frames() const { return state_->index.frames(); }

std::vector<ByteRange> PayloadReader::skeleton() const {
  std::vector<ByteRange> out;
  base::FileOffset end = 0;
  const auto add_up_to = [&](base::FileOffset next) {
    if (next > end) out.push_back({end, next - end});
  };
  for (const auto& frame : state_->index.frames()) {
    add_up_to(frame.offset);
    end = frame.offset + frame.stored_size;
  }
  add_up_to(payload_size());
  return out;
}

}  // namespace sealift::format
