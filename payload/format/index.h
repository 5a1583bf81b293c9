// SPDX-License-Identifier: Apache-2.0
//
// The index: where objects lie (FORMAT.md, section 7). Objects refer to runs of plain bytes ("pieces") in frames;
// frames refer to stored bytes in the payload. Parsed tables are valid: none of their numbers needs checking again.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/format/layout.h"
#include "payload/hash/digest.h"

namespace sealift::format {

struct IndexObject {
  Digest digest;
  uint64_t size = 0;
  uint32_t first_piece = 0;
  uint32_t piece_count = 0;  // 0 only for the empty object
  bool operator==(const IndexObject&) const = default;
};

// `size` plain bytes starting at `offset` of frame number `frame`; they may continue in the following frames.
struct IndexPiece {
  uint32_t frame = 0;
  uint32_t offset = 0;
  uint64_t size = 0;
  bool operator==(const IndexPiece&) const = default;
};

// Half-open range of frame numbers.
struct FrameRun {
  size_t begin = 0, end = 0;
};

class Index {
 public:
  // For the writer. Objects in ascending order of digest with their pieces in the same order, frames in ascending
  // order of offset.
  Index(std::vector<IndexObject> objects, std::vector<IndexPiece> pieces, std::vector<Frame> frames);

  // `data_end`: where the metadata begins; frames lie in [kHeaderSize, data_end). Errors: truncated, corrupt,
  // limit_exceeded, unsupported_version (a frame's encoding).
  static Result<Index> parse(ByteView bytes, base::FileOffset data_end);
  Bytes encode() const;

  const std::vector<IndexObject>& objects() const { return objects_; }
  const std::vector<Frame>& frames() const { return frames_; }
  std::span<const IndexPiece> pieces(const IndexObject& object) const;
  const IndexObject* find(const Digest& digest) const;

  // Where the frame's plain bytes begin if the plain bytes of all frames are concatenated.
  uint64_t plain_start(size_t frame) const { return plain_starts_[frame]; }
  FrameRun frames_of(const IndexPiece& piece) const;
  // The object's payload offset, if it is stored as one raw piece.
  std::optional<base::FileOffset> raw_offset(const IndexObject& object) const;

 private:
  Result<void> check(base::FileOffset data_end) const;
  Result<void> check_frames(base::FileOffset data_end) const;

  std::vector<IndexObject> objects_;
  std::vector<IndexPiece> pieces_;
  std::vector<Frame> frames_;
  std::vector<uint64_t> plain_starts_;  // one more than frames
};

}  // namespace sealift::format
