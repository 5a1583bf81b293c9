// SPDX-License-Identifier: Apache-2.0
//
// The state of an open PayloadReader; internal to payload/format (reader.cpp, verify.cpp).
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "payload/format/index.h"
#include "payload/format/layout.h"
#include "payload/format/reader.h"

namespace sealift::format {

// Plain bytes of the most recently decoded small frames, since files that share a frame are often read one after
// another. Any thread.
class FrameCache {
 public:
  static constexpr size_t kFrameLimit = size_t{1} << 20;
  static constexpr size_t kFrames = 8;

  std::shared_ptr<const Bytes> find(size_t frame);
  void put(size_t frame, std::shared_ptr<const Bytes> plain);

 private:
  std::mutex mutex_;
  std::list<std::pair<size_t, std::shared_ptr<const Bytes>>> entries_;  // newest first
};

struct PayloadReader::State {
  const base::RandomAccessFile* file = nullptr;
  base::FileOffset payload_offset = 0;
  Trailer trailer;
  std::vector<Section> sections;
  Contents contents;
  Index index;
  FrameCache cache;

  // Stored bytes of a frame, after checking its hash.
  Result<Bytes> load_stored(const Frame& frame) const;
  // Plain bytes of a frame; its hash is checked before decoding.
  Result<Bytes> load_plain(const Frame& frame) const;
  // All occupied ranges of the data area that are not frames, by offset: the header, and sections in the data area.
  std::vector<ByteRange> fixed_ranges() const;
};

}  // namespace sealift::format
