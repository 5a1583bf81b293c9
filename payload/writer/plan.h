// SPDX-License-Identifier: Apache-2.0
//
// Decides which stored frames make up a payload, in which order and at which offsets; writes nothing. The result
// depends only on the stored objects, never on the order in which they arrived or on threads.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "payload/format/contents.h"
#include "payload/format/index.h"
#include "payload/format/reader.h"
#include "payload/writer/frame_workers.h"

namespace sealift::writer {

enum class Form {
  base,      // is in a base
  raw,       // own frames in the spool, none compressed
  framed,    // own frames in the spool, compressed where that pays off
  small,     // plain in the spool; shares a frame with others
  reserved,  // raw, bytes still to come
};

struct StoredObject {
  uint64_t size = 0;
  Form form = Form::small;
  uint64_t spool_offset = 0;                                // small
  std::vector<std::shared_ptr<const SpooledFrame>> frames;  // raw, framed, reserved (without hash)
  size_t base = 0;                                          // base: number of the base
};

using StoredObjects = std::map<Digest, StoredObject>;

// Small objects that share one frame.
struct Pack {
  std::vector<Digest> objects;  // in the order of their bytes
  uint64_t size = 0;
  std::shared_ptr<const SpooledFrame> frame;  // set once it is stored
};

enum class From { base, spool, later };

// A placed frame and the source of its stored bytes.
struct PlacedFrame {
  format::Frame frame;  // offset in the payload
  From from = From::spool;
  const format::PayloadReader* base = nullptr;  // of From::base
  uint64_t source_offset = 0;                   // in the base's payload or in the spool
  bool aligned = false;                         // starts a raw object that is served in place
};

struct Layout {
  std::vector<PlacedFrame> frames;
  std::vector<format::IndexObject> objects;
  std::vector<format::IndexPiece> pieces;
  base::FileOffset data_end = 0;  // where the metadata begins
  uint64_t base_frames = 0;
};

// Orders small objects by their first path in the tree, then by digest; packs are about 1 MiB, so that a single file is
// cheap to read.
std::vector<Pack> pack_small_objects(const StoredObjects& objects, const format::Contents& contents);

// Bases first, unchanged; then packs; then objects with frames of their own, those served in place last; each group by
// first path in the tree, then digest. Call it when all frames are stored, except those of reserved objects.
Result<Layout> lay_out(const StoredObjects& objects, const std::vector<Pack>& packs,
                       const std::vector<const format::PayloadReader*>& bases, const format::Contents& contents);

format::Index index_of(const Layout& layout);

}  // namespace sealift::writer
