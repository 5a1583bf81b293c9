// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/plan.h"

#include <algorithm>
#include <tuple>

#include "payload/format/layout.h"

namespace sealift::writer {
namespace {

// A pack ends at its largest size, or earlier at an object whose digest says so: then a file that comes, goes or grows
// changes its own pack and few others, and what has been compressed before is found again.
constexpr uint64_t kMinPackSize = uint64_t{512} << 10;
constexpr uint64_t kMaxPackSize = uint64_t{1} << 20;
constexpr unsigned kBorders = 16;  // one object in so many

bool is_border(const Digest& digest) { return std::to_integer<unsigned>(digest.bytes.back()) % kBorders == 0; }

bool begins_aligned(uint64_t object_size, bool raw) { return raw && object_size >= format::kAlignedObjectSize; }

}  // namespace

LayoutBuilder::LayoutBuilder(const StoredObjects& objects, const format::Contents& contents) : objects_(objects) {
  for (const auto& [path, file] : contents.tree) paths_.try_emplace(file.object.digest, path);
  using Place = std::pair<std::string_view, Digest>;
  std::vector<Place> small, framed;
  for (const auto& [digest, object] : objects) {
    if (object.size == 0) continue;
    if (object.form == Form::small) small.emplace_back(path_of(digest), digest);
    if (object.form == Form::framed) framed.emplace_back(path_of(digest), digest);
  }
  std::ranges::sort(small);
  std::ranges::sort(framed);
  for (const auto& [path, digest] : small) {
    const uint64_t size = objects.at(digest).size;
    const bool fits = !packs_.empty() && packs_.back().size + size <= kMaxPackSize;
    const bool ends = fits && packs_.back().size >= kMinPackSize && is_border(packs_.back().objects.back());
    if (!fits || ends) packs_.emplace_back();
    packs_.back().objects.push_back(digest);
    packs_.back().size += size;
  }
  for (const auto& [path, digest] : framed) framed_.push_back(digest);
}

std::string_view LayoutBuilder::path_of(const Digest& digest) const {
  const auto at = paths_.find(digest);
  return at == paths_.end() ? std::string_view() : at->second;
}

void LayoutBuilder::place(PlacedFrame placed) {
  if (placed.aligned) end_ = (end_ + format::kAlignment - 1) / format::kAlignment * format::kAlignment;
  placed.frame.offset = end_;
  end_ += placed.frame.stored_size;
  layout_.frames.push_back(placed);
}

void LayoutBuilder::add_bases(const std::vector<const format::PayloadReader*>& bases) {
  for (size_t i = 0; i < bases.size(); ++i) add_base(*bases[i], i);
}

// Places those frames of one base that the new payload's objects need, in their order, so that contiguous
// runs stay contiguous.
void LayoutBuilder::add_base(const format::PayloadReader& base, size_t number) {
  const format::Index& index = base.index();
  std::vector<bool> wanted(index.frames().size());
  std::vector<bool> aligned(index.frames().size());
  std::vector<const format::IndexObject*> taken;
  for (const auto& object : index.objects()) {
    const auto at = objects_.find(object.digest);
    if (at == objects_.end() || at->second.form != Form::base || at->second.base != number) continue;
    taken.push_back(&object);
    for (const auto& piece : index.pieces(object)) {
      const auto run = index.frames_of(piece);
      for (size_t i = run.begin; i < run.end; ++i) wanted[i] = true;
    }
    if (!begins_aligned(object.size, index.raw_offset(object).has_value())) continue;
    const auto& first = index.pieces(object).front();
    const bool is_aligned = first.offset == 0 && index.frames()[first.frame].offset % format::kAlignment == 0;
    if (is_aligned) aligned[first.frame] = true;
  }
  std::vector<uint32_t> new_number(index.frames().size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    new_number[i] = static_cast<uint32_t>(layout_.frames.size());
    const format::Frame& frame = index.frames()[i];
    place({.frame = frame, .base = &base, .source_offset = frame.offset, .source_number = i, .aligned = aligned[i]});
    ++layout_.base_frames;
  }
  for (const auto* object : taken) {
    auto& list = pieces_[object->digest];
    for (const auto& piece : index.pieces(*object)) list.push_back({new_number[piece.frame], piece.offset, piece.size});
  }
}

void LayoutBuilder::add_compressed(std::span<const format::Frame> frames) {
  auto number = static_cast<uint32_t>(layout_.frames.size());
  for (const auto& frame : frames) place({.frame = frame});
  for (const auto& pack : packs_) {
    uint32_t offset = 0;
    for (const auto& digest : pack.objects) {
      const uint64_t size = objects_.at(digest).size;
      pieces_[digest] = {{number, offset, size}};
      offset += static_cast<uint32_t>(size);
    }
    ++number;
  }
  for (const auto& digest : framed_) {
    const uint64_t size = objects_.at(digest).size;
    pieces_[digest] = {{number, 0, size}};
    number += static_cast<uint32_t>((size + format::kMaxFrameSize - 1) / format::kMaxFrameSize);
  }
}

void LayoutBuilder::add_raw() {
  using Place = std::tuple<bool, std::string_view, Digest>;
  std::vector<Place> order;
  for (const auto& [digest, object] : objects_) {
    if (object.form == Form::raw && object.size != 0)
      order.emplace_back(begins_aligned(object.size, true), path_of(digest), digest);
  }
  std::ranges::sort(order);
  for (const auto& [aligned, path, digest] : order) {
    const uint64_t size = objects_.at(digest).size;
    pieces_[digest] = {{static_cast<uint32_t>(layout_.frames.size()), 0, size}};
    for (uint64_t begin = 0; begin < size; begin += format::kMaxFrameSize) {
      const uint64_t part = std::min(size - begin, format::kMaxFrameSize);
      place({.frame = {0, part, part, format::Encoding::raw, {}}, .aligned = aligned && begin == 0});
    }
  }
}

Result<Layout> LayoutBuilder::finish() && {
  add_raw();
  Layout& layout = layout_;
  layout.data_end = end_;
  for (const auto& [digest, object] : objects_) {  // by digest, as in the index
    const auto& list = pieces_[digest];
    layout.objects.push_back(
        {digest, object.size, static_cast<uint32_t>(layout.pieces.size()), static_cast<uint32_t>(list.size())});
    layout.pieces.insert(layout.pieces.end(), list.begin(), list.end());
  }
  if (layout.objects.size() > format::kMaxObjects || layout.pieces.size() > format::kMaxPieces ||
      layout.frames.size() > format::kMaxFrames) {
    return fail(ErrorCode::limit_exceeded, "{} objects in {} frames are more than a payload can hold ({} and {})",
                layout.objects.size(), layout.frames.size(), format::kMaxObjects, format::kMaxFrames);
  }
  return std::move(layout_);
}

format::Index index_of(const Layout& layout) {
  std::vector<format::Frame> frames;
  frames.reserve(layout.frames.size());
  for (const auto& placed : layout.frames) frames.push_back(placed.frame);
  return {layout.objects, layout.pieces, std::move(frames)};
}

}  // namespace sealift::writer
