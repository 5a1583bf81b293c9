// SPDX-License-Identifier: Apache-2.0
#include "payload/format/index.h"

#include <algorithm>

#include "payload/base/checked.h"
#include "payload/format/records.h"

namespace sealift::format {
namespace {

IndexObject value_of(const record::IndexObject& stored) {
  return {stored.digest, stored.size, stored.first_piece, stored.piece_count};
}
record::IndexObject record_of(const IndexObject& object) {
  return {object.digest, object.size, object.first_piece, object.piece_count};
}

IndexPiece value_of(const record::IndexPiece& stored) { return {stored.frame, stored.offset, stored.size}; }
record::IndexPiece record_of(const IndexPiece& piece) { return {piece.frame, piece.offset, piece.size}; }

Result<Frame> value_of(const record::IndexFrame& stored) {
  const Frame frame{stored.offset, stored.stored_size, stored.plain_size,
                    static_cast<Encoding>(uint8_t{stored.encoding}), stored.stored_hash};
  if (frame.encoding != Encoding::raw && frame.encoding != Encoding::zstd) {
    return fail(ErrorCode::unsupported_version,
                "the frame at payload offset {} has encoding {} that this program does not know", frame.offset,
                uint8_t{stored.encoding});
  }
  // A future meaning of these bytes will change how a frame is read: unlike other reserved bytes, they
  // are never ignored.
  if (std::ranges::any_of(stored.reserved, [](std::byte b) { return b != std::byte{0}; })) {
    return fail(ErrorCode::unsupported_version,
                "the frame at payload offset {} has properties that this program does not know", frame.offset);
  }
  return frame;
}
record::IndexFrame record_of(const Frame& frame) {
  return {frame.stored_hash, frame.offset, static_cast<uint32_t>(frame.stored_size),
          static_cast<uint32_t>(frame.plain_size), static_cast<uint8_t>(frame.encoding)};
}

// To read an object, each frame that a piece touches is decoded. A few bytes out of each of many frames would take
// hours: beyond kFreelyDecoded, at most kMaxDecoded bytes for each byte of the object.
constexpr uint64_t kFreelyDecoded = uint64_t{64} << 20;
constexpr uint64_t kMaxDecoded = 64;

template <record::Record Stored, class T>
Result<std::vector<T>> read_table(base::ByteReader& reader, uint32_t count) {
  std::vector<T> table;
  table.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    SEALIFT_ASSIGN(const auto stored, record::read<Stored>(reader));
    SEALIFT_ASSIGN(const T row, Result<T>(value_of(stored)));
    table.push_back(row);
  }
  return table;
}

}  // namespace

Index::Index(std::vector<IndexObject> objects, std::vector<IndexPiece> pieces, std::vector<Frame> frames)
    : objects_(std::move(objects)), pieces_(std::move(pieces)), frames_(std::move(frames)) {
  plain_starts_.reserve(frames_.size() + 1);
  uint64_t start = 0;
  for (const auto& frame : frames_) {
    plain_starts_.push_back(start);
    start += frame.plain_size;  // at most kMaxFrames × 4 GiB: no overflow even before the frames are checked
  }
  plain_starts_.push_back(start);
}

Result<Index> Index::parse(ByteView bytes, base::FileOffset data_end) {
  base::ByteReader reader(bytes);
  SEALIFT_ASSIGN(const auto header, record::read<record::IndexHeader>(reader));
  const uint32_t object_count = header.objects, piece_count = header.pieces, frame_count = header.frames;
  if (header.reserved != 0)
    return fail(ErrorCode::unsupported_version, "the index has properties that this program does not know");
  if (object_count > kMaxObjects || piece_count > kMaxPieces || frame_count > kMaxFrames) {
    return fail(ErrorCode::limit_exceeded, "{} objects, {} pieces and {} frames; at most {}, {} and {} are allowed",
                object_count, piece_count, frame_count, kMaxObjects, kMaxPieces, kMaxFrames);
  }
  const uint64_t wanted = uint64_t{object_count} * kIndexObjectSize + uint64_t{piece_count} * kIndexPieceSize +
                          uint64_t{frame_count} * kIndexFrameSize;
  if (reader.left() < wanted)
    return fail(ErrorCode::truncated, "the index has {} bytes, its tables need {}", reader.left(), wanted);
  SEALIFT_ASSIGN(auto objects, (read_table<record::IndexObject, IndexObject>(reader, object_count)));
  SEALIFT_ASSIGN(auto pieces, (read_table<record::IndexPiece, IndexPiece>(reader, piece_count)));
  SEALIFT_ASSIGN(auto frames, (read_table<record::IndexFrame, Frame>(reader, frame_count)));
  SEALIFT_TRY(reader.expect_end());
  Index index(std::move(objects), std::move(pieces), std::move(frames));
  SEALIFT_TRY(index.check(data_end));
  return index;
}

Result<void> Index::check_frames(base::FileOffset data_end) const {
  base::FileOffset end = kHeaderSize;
  for (const auto& frame : frames_) {
    if (frame.plain_size == 0 || frame.stored_size == 0)
      return fail(ErrorCode::corrupt, "the frame at payload offset {} is empty", frame.offset);
    if (frame.plain_size > kMaxFrameSize || frame.stored_size > kMaxFrameSize) {
      return fail(ErrorCode::limit_exceeded, "the frame at payload offset {} is larger than {} bytes", frame.offset,
                  kMaxFrameSize);
    }
    if (frame.encoding == Encoding::raw && frame.plain_size != frame.stored_size) {
      return fail(ErrorCode::corrupt, "the raw frame at payload offset {} has two sizes", frame.offset);
    }
    if (frame.offset < end || !base::range_within(frame.offset, frame.stored_size, data_end)) {
      return fail(ErrorCode::corrupt, "the frame at payload offset {} overlaps what stands before or after it",
                  frame.offset);
    }
    end = frame.offset + frame.stored_size;
  }
  return {};
}

Result<void> Index::check(base::FileOffset data_end) const {
  SEALIFT_TRY(check_frames(data_end));
  uint64_t next_piece = 0;
  for (size_t i = 0; i < objects_.size(); ++i) {
    const IndexObject& object = objects_[i];
    if (i != 0 && !(objects_[i - 1].digest < object.digest)) {
      return fail(ErrorCode::corrupt, "object {} is not above the one before it: objects are in order, each once",
                  object.digest.text());
    }
    if (object.first_piece != next_piece || object.piece_count > pieces_.size() - next_piece) {
      return fail(ErrorCode::corrupt,
                  "object {} has {} pieces from number {} on; its first one must be number {} of {}",
                  object.digest.text(), object.piece_count, object.first_piece, next_piece, pieces_.size());
    }
    next_piece += object.piece_count;
    uint64_t size = 0, decoded = 0;
    for (const auto& piece : pieces(object)) {
      if (piece.size == 0)
        return fail(ErrorCode::corrupt, "object {} has an empty piece in frame {}", object.digest.text(), piece.frame);
      if (piece.frame >= frames_.size() || piece.offset >= frames_[piece.frame].plain_size ||
          !base::range_within(plain_starts_[piece.frame] + piece.offset, piece.size, plain_starts_.back())) {
        return fail(ErrorCode::corrupt, "the piece {}+{} in frame {} of object {} lies outside the frames",
                    piece.offset, piece.size, piece.frame, object.digest.text());
      }
      SEALIFT_ASSIGN(size, base::checked_add(size, piece.size));
      const FrameRun run = frames_of(piece);
      SEALIFT_ASSIGN(decoded, base::checked_add(decoded, plain_starts_[run.end] - plain_starts_[run.begin]));
    }
    if (size != object.size) {
      return fail(ErrorCode::corrupt, "object {} has {} bytes, its pieces {}", object.digest.text(), object.size, size);
    }
    if (decoded > kFreelyDecoded && (decoded - kFreelyDecoded) / kMaxDecoded > size) {
      return fail(ErrorCode::limit_exceeded, "object {} has {} bytes, and {} would have to be decoded for them",
                  object.digest.text(), size, decoded);
    }
  }
  if (next_piece != pieces_.size())
    return fail(ErrorCode::corrupt, "the index has {} pieces, its objects only {}", pieces_.size(), next_piece);
  return {};
}

Bytes Index::encode() const {
  base::ByteWriter out;
  out.bytes(record::bytes_of(record::IndexHeader{static_cast<uint32_t>(objects_.size()),
                                                 static_cast<uint32_t>(pieces_.size()),
                                                 static_cast<uint32_t>(frames_.size()),
                                                 {}}));
  for (const auto& object : objects_) out.bytes(record::bytes_of(record_of(object)));
  for (const auto& piece : pieces_) out.bytes(record::bytes_of(record_of(piece)));
  for (const auto& frame : frames_) out.bytes(record::bytes_of(record_of(frame)));
  return out.take();
}

std::span<const IndexPiece> Index::pieces(const IndexObject& object) const {
  return std::span(pieces_).subspan(object.first_piece, object.piece_count);
}

const IndexObject* Index::find(const Digest& digest) const {
  const auto at = std::ranges::lower_bound(objects_, digest, {}, &IndexObject::digest);
  return at != objects_.end() && at->digest == digest ? &*at : nullptr;
}

FrameRun Index::frames_of(const IndexPiece& piece) const {
  const uint64_t end = plain_starts_[piece.frame] + piece.offset + piece.size;
  const auto after = std::ranges::lower_bound(plain_starts_.begin() + static_cast<std::ptrdiff_t>(piece.frame),
                                              plain_starts_.end(), end);
  return {piece.frame, static_cast<size_t>(after - plain_starts_.begin())};
}

std::optional<base::FileOffset> Index::raw_offset(const IndexObject& object) const {
  if (object.piece_count != 1) return std::nullopt;
  const IndexPiece& piece = pieces_[object.first_piece];
  const FrameRun run = frames_of(piece);
  for (size_t i = run.begin; i < run.end; ++i) {
    if (frames_[i].encoding != Encoding::raw) return std::nullopt;
    if (i != run.begin && frames_[i].offset != frames_[i - 1].offset + frames_[i - 1].stored_size) return std::nullopt;
  }
  return frames_[piece.frame].offset + piece.offset;
}

}  // namespace sealift::format
