// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/blobs.h"

#include <algorithm>

namespace sealift::registry {
namespace {

constexpr uint64_t kOwnBlob = uint64_t{1} << 20;  // an object from this size on has a blob of its own
constexpr uint64_t kLeast = uint64_t{1} << 20;    // of a blob that frames share, unless another one follows
constexpr uint64_t kMost = uint64_t{8} << 20;

// The frames of an object that nothing else shares, by the first of them.
struct Own {
  size_t end = 0;
  std::optional<Digest> digest;  // if it is stored as it is
};

uint64_t stored_size(const format::Index& index, format::FrameRun run) {
  uint64_t out = 0;
  for (size_t i = run.begin; i < run.end; ++i) out += index.frames()[i].stored_size;
  return out;
}

bool is_close(const format::Frame& before, const format::Frame& frame) {
  return frame.offset == before.offset + before.stored_size;
}

// By number of a frame: what begins there.
std::vector<std::optional<Own>> own_frames(const format::Index& index) {
  std::vector<std::optional<Own>> out(index.frames().size());
  for (const auto& object : index.objects()) {
    if (object.piece_count != 1) continue;
    const auto& piece = index.pieces(object).front();
    const auto run = index.frames_of(piece);
    uint64_t plain = 0;
    bool together = true;
    for (size_t i = run.begin; i < run.end; ++i) {
      plain += index.frames()[i].plain_size;
      together = together && (i == run.begin || is_close(index.frames()[i - 1], index.frames()[i]));
    }
    if (!together || plain != object.size || stored_size(index, run) < kOwnBlob) continue;
    const bool is_raw = index.raw_offset(object).has_value();
    out[run.begin] = Own{run.end, is_raw ? std::optional(object.digest) : std::nullopt};
  }
  return out;
}

// About every second frame.
bool ends_group(const Digest& hash) { return (std::to_integer<unsigned>(hash.bytes.back()) & 1U) == 0; }

}  // namespace

std::vector<Blob> cut_into_blobs(const format::Index& index) {
  const auto& frames = index.frames();
  const auto own = own_frames(index);
  std::vector<Blob> out;
  bool is_open = false;  // whether the last one may still grow
  for (size_t i = 0; i < frames.size();) {
    const auto& frame = frames[i];
    if (own[i]) {
      const format::FrameRun run{i, own[i]->end};
      out.push_back({run, frame.offset, stored_size(index, run), own[i]->digest});
      is_open = false;
      i = run.end;
      continue;
    }
    if (!is_open || !is_close(frames[i - 1], frame)) out.push_back({{i, i}, frame.offset, 0, {}});
    Blob& blob = out.back();
    blob.frames.end = ++i;
    blob.size += frame.stored_size;
    is_open = blob.size < kMost && (blob.size < kLeast || !ends_group(frame.stored_hash));
  }
  return out;
}

}  // namespace sealift::registry
