// SPDX-License-Identifier: Apache-2.0
//
// Decides which stored frames make up a payload, in which order and at which offsets; reads and writes nothing. The
// result depends only on the objects, never on the order in which they were added or on threads.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "payload/format/contents.h"
#include "payload/format/index.h"
#include "payload/format/layout.h"
#include "payload/format/reader.h"
#include "payload/writer/writer.h"

namespace sealift::writer {

enum class Form {
  base,    // is in a base
  raw,     // frames of its own, stored as it is: the size is known beforehand
  framed,  // frames of its own, compressed where that pays off
  small,   // shares a frame with others
};

struct StoredObject {
  uint64_t size = 0;
  Form form = Form::small;
  std::optional<Origin> origin;  // none: in a base, or reserved
  size_t base = 0;               // base: number of the base
  Bytes kept;                    // all of it, if it need not be read again; else empty
};

using StoredObjects = std::map<Digest, StoredObject>;

// Small objects that share one frame.
struct Pack {
  std::vector<Digest> objects;  // in the order of their bytes
  uint64_t size = 0;
};

// A placed frame; those of bases say where their stored bytes are.
struct PlacedFrame {
  format::Frame frame;  // offset in the payload; of raw objects without the hash
  const format::PayloadReader* base = nullptr;
  uint64_t source_offset = 0;  // in the base's payload
  size_t source_number = 0;    // among the base's frames
  bool aligned = false;        // starts a raw object that is served in place
  bool is_read_back = false;   // the bytes in the file are known to have its hash
};

struct Layout {
  std::vector<PlacedFrame> frames;
  std::vector<format::IndexObject> objects;
  std::vector<format::IndexPiece> pieces;
  base::FileOffset data_end = 0;  // where the metadata begins
  uint64_t base_frames = 0;
};

// Bases first, unchanged; then what is compressed, packs before objects with frames of their own; then raw objects,
// those that are served in place last; each group by first path in the tree, then digest.
class LayoutBuilder {
 public:
  // Both must outlive this.
  LayoutBuilder(const StoredObjects& objects, const format::Contents& contents);

  void add_bases(const std::vector<const format::PayloadReader*>& bases);
  base::FileOffset end() const { return end_; }  // of what has been added
  std::span<PlacedFrame> frames() { return layout_.frames; }

  // What is compressed, in this order. Packs are about 1 MiB, so that a single file is cheap to read.
  const std::vector<Pack>& packs() const { return packs_; }
  const std::vector<Digest>& framed() const { return framed_; }
  // Their frames: one for each pack, then one for each kMaxFrameSize of each framed object.
  void add_compressed(std::span<const format::Frame> frames);

  // Adds the raw objects. limit_exceeded.
  Result<Layout> finish() &&;

 private:
  void add_base(const format::PayloadReader& base, size_t number);
  void add_raw();
  void place(PlacedFrame placed);
  std::string_view path_of(const Digest& digest) const;  // empty if it has none

  const StoredObjects& objects_;
  std::map<Digest, std::string_view> paths_;  // the first of each object
  std::vector<Pack> packs_;
  std::vector<Digest> framed_;
  Layout layout_;
  std::map<Digest, std::vector<format::IndexPiece>> pieces_;
  base::FileOffset end_ = format::kHeaderSize;
};

format::Index index_of(const Layout& layout);

}  // namespace sealift::writer
