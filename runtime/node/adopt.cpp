// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/adopt.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"
#include "runtime/host/payload_store.h"

namespace sealift::node {
namespace {

constexpr std::string_view kEnding = ".payload";

// Sorted, so that a second attempt looks in the same order.
Result<std::vector<std::string>> payloads_beside(const std::string& payload) {
  std::vector<std::string> out;
  const auto folder = payload.substr(0, payload.rfind('/'));
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    if (const auto path = at->path().string(); path.ends_with(kEnding) && path != payload) out.push_back(path);
  }
  if (error) return fail_errno(error.value(), "read " + folder);
  std::ranges::sort(out);
  return out;
}

using Missing = std::map<Digest, std::vector<format::Frame>>;  // by stored hash

// The frame's bytes as they lie in `file`, if they are what the hash says.
std::optional<Bytes> intact(const base::RandomAccessFile& file, const format::Frame& frame) {
  Bytes out(frame.stored_size);
  if (!file.read_at(frame.offset, out) || hash::sha256(out) != frame.stored_hash) return std::nullopt;
  return out;
}

Result<uint64_t> take_from(const std::string& other, Missing& missing, host::PayloadStore& store) {
  uint64_t copied = 0;
  const auto there = host::read_stored_pieces(other);
  const auto file = base::OpenFile::open(other);
  if (!there || !file) return copied;
  const auto payload = format::PayloadReader::open(**file);
  if (!payload) return copied;
  for (const auto& frame : (*payload)->all_frames()) {
    const auto wanted = missing.find(frame.stored_hash);
    if (wanted == missing.end() || !there->covers(frame.offset, frame.stored_size)) continue;
    const auto bytes = intact(**file, frame);
    if (!bytes) continue;
    for (const auto& place : wanted->second) {
      SEALIFT_TRY(store.write(place.offset, *bytes));
      copied += bytes->size();
    }
    missing.erase(wanted);
  }
  return copied;
}

}  // namespace

Result<std::set<uint64_t>> offsets_of(std::string_view text) {
  std::set<uint64_t> out;
  for (const auto line : base::split(text, '\n')) {
    if (line.empty()) continue;
    const auto offset = base::parse_u64(line);
    if (!offset) return fail(ErrorCode::protocol, "node adopt: \"{}\" is no offset", base::printable(line, 40));
    out.insert(*offset);
  }
  return out;
}

Result<uint64_t> adopt_frames(const std::string& payload, const std::set<uint64_t>& wanted) {
  SEALIFT_ASSIGN(const auto there, host::read_stored_pieces(payload));
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(payload));
  SEALIFT_ASSIGN(const auto reader, format::PayloadReader::open(*file));
  Missing missing;
  for (const auto& frame : reader->all_frames()) {
    if (wanted.contains(frame.offset) && !there.covers(frame.offset, frame.stored_size))
      missing[frame.stored_hash].push_back(frame);
  }
  uint64_t copied = 0;
  if (missing.empty()) return copied;
  SEALIFT_ASSIGN(const auto others, payloads_beside(payload));
  if (others.empty()) return copied;
  SEALIFT_ASSIGN(const auto store, host::PayloadStore::open(payload, reader->payload_size()));
  for (const auto& other : others) {
    SEALIFT_ASSIGN(const uint64_t more, take_from(other, missing, *store));
    copied += more;
  }
  SEALIFT_TRY(store->sync());
  return copied;
}

}  // namespace sealift::node
