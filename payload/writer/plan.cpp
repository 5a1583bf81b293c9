// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/plan.h"

#include <algorithm>
#include <tuple>

#include "payload/format/layout.h"

namespace sealift::writer {
namespace {

constexpr uint64_t kPackSize = uint64_t{1} << 20;

using FirstPaths = std::map<Digest, std::string_view>;

FirstPaths first_paths(const format::Contents& contents) {
  FirstPaths paths;
  for (const auto& [path, file] : contents.tree) paths.try_emplace(file.object.digest, path);
  return paths;
}

std::string_view path_of(const FirstPaths& paths, const Digest& digest) {
  const auto at = paths.find(digest);
  return at == paths.end() ? std::string_view() : at->second;
}

// The pieces of each object while frames are still being numbered.
using PieceMap = std::map<Digest, std::vector<format::IndexPiece>>;

bool begins_aligned(uint64_t object_size, bool raw) { return raw && object_size >= format::kAlignedObjectSize; }

// Places those frames of one base that the new payload's objects need, in their order, so that contiguous
// runs stay contiguous.
void place_base(const format::PayloadReader& base, size_t number, const StoredObjects& objects, Layout& layout,
                PieceMap& pieces) {
  const format::Index& index = base.index();
  std::vector<bool> wanted(index.frames().size());
  std::vector<bool> aligned(index.frames().size());
  std::vector<const format::IndexObject*> taken;
  for (const auto& object : index.objects()) {
    const auto at = objects.find(object.digest);
    if (at == objects.end() || at->second.form != Form::base || at->second.base != number) continue;
    taken.push_back(&object);
    for (const auto& piece : index.pieces(object)) {
      const auto run = index.frames_of(piece);
      for (size_t i = run.begin; i < run.end; ++i) wanted[i] = true;
    }
    if (!begins_aligned(object.size, index.raw_offset(object).has_value())) continue;
    const auto& first = index.pieces(object).front();
    if (first.offset == 0) aligned[first.frame] = true;
  }
  std::vector<uint32_t> new_number(index.frames().size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    new_number[i] = static_cast<uint32_t>(layout.frames.size());
    const format::Frame& frame = index.frames()[i];
    layout.frames.push_back({frame, From::base, &base, frame.offset, aligned[i]});
    ++layout.base_frames;
  }
  for (const auto* object : taken) {
    auto& list = pieces[object->digest];
    for (const auto& piece : index.pieces(*object)) list.push_back({new_number[piece.frame], piece.offset, piece.size});
  }
}

void place_packs(const std::vector<Pack>& packs, const StoredObjects& objects, Layout& layout, PieceMap& pieces) {
  for (const auto& pack : packs) {
    const auto number = static_cast<uint32_t>(layout.frames.size());
    layout.frames.push_back({pack.frame->frame, From::spool, nullptr, pack.frame->frame.offset, false});
    uint32_t offset = 0;
    for (const auto& digest : pack.objects) {
      const uint64_t size = objects.at(digest).size;
      pieces[digest] = {{number, offset, size}};
      offset += static_cast<uint32_t>(size);
    }
  }
}

bool all_raw(const StoredObject& object) {
  return std::ranges::all_of(object.frames,
                             [](const auto& frame) { return frame->frame.encoding == format::Encoding::raw; });
}

void place_framed(const StoredObjects& objects, const FirstPaths& paths, Layout& layout, PieceMap& pieces) {
  using Place = std::tuple<bool, std::string_view, Digest>;
  std::vector<Place> order;
  for (const auto& [digest, object] : objects) {
    if (object.form == Form::base || object.form == Form::small) continue;
    order.emplace_back(begins_aligned(object.size, all_raw(object)), path_of(paths, digest), digest);
  }
  std::ranges::sort(order);
  for (const auto& [aligned, path, digest] : order) {
    const StoredObject& object = objects.at(digest);
    if (object.frames.empty()) continue;
    pieces[digest] = {{static_cast<uint32_t>(layout.frames.size()), 0, object.size}};
    bool first = true;
    for (const auto& frame : object.frames) {
      layout.frames.push_back({frame->frame, object.form == Form::reserved ? From::later : From::spool, nullptr,
                               frame->frame.offset, aligned && first});
      first = false;
    }
  }
}

void give_offsets(Layout& layout) {
  base::FileOffset end = format::kHeaderSize;
  for (auto& placed : layout.frames) {
    if (placed.aligned) end = (end + format::kAlignment - 1) / format::kAlignment * format::kAlignment;
    placed.frame.offset = end;
    end += placed.frame.stored_size;
  }
  layout.data_end = end;
}

}  // namespace

std::vector<Pack> pack_small_objects(const StoredObjects& objects, const format::Contents& contents) {
  const FirstPaths paths = first_paths(contents);
  std::vector<std::pair<std::string_view, Digest>> order;
  for (const auto& [digest, object] : objects) {
    if (object.form == Form::small && object.size != 0) order.emplace_back(path_of(paths, digest), digest);
  }
  std::ranges::sort(order);
  std::vector<Pack> packs;
  for (const auto& [path, digest] : order) {
    const uint64_t size = objects.at(digest).size;
    if (packs.empty() || packs.back().size + size > kPackSize) packs.emplace_back();
    packs.back().objects.push_back(digest);
    packs.back().size += size;
  }
  return packs;
}

Result<Layout> lay_out(const StoredObjects& objects, const std::vector<Pack>& packs,
                       const std::vector<const format::PayloadReader*>& bases, const format::Contents& contents) {
  Layout layout;
  PieceMap pieces;
  for (size_t i = 0; i < bases.size(); ++i) place_base(*bases[i], i, objects, layout, pieces);
  place_packs(packs, objects, layout, pieces);
  place_framed(objects, first_paths(contents), layout, pieces);
  give_offsets(layout);
  for (const auto& [digest, object] : objects) {  // by digest, as in the index
    const auto& list = pieces[digest];
    layout.objects.push_back(
        {digest, object.size, static_cast<uint32_t>(layout.pieces.size()), static_cast<uint32_t>(list.size())});
    layout.pieces.insert(layout.pieces.end(), list.begin(), list.end());
  }
  if (layout.objects.size() > format::kMaxObjects || layout.pieces.size() > format::kMaxPieces ||
      layout.frames.size() > format::kMaxFrames) {
    return fail(ErrorCode::limit_exceeded, "{} objects in {} frames are more than a payload can hold ({} and {})",
                layout.objects.size(), layout.frames.size(), format::kMaxObjects, format::kMaxFrames);
  }
  return layout;
}

format::Index index_of(const Layout& layout) {
  std::vector<format::Frame> frames;
  frames.reserve(layout.frames.size());
  for (const auto& placed : layout.frames) frames.push_back(placed.frame);
  return {layout.objects, layout.pieces, std::move(frames)};
}

}  // namespace sealift::writer
