// SPDX-License-Identifier: Apache-2.0
#include "payload/format/trailer.h"

#include <algorithm>
#include <array>

#include "payload/base/checked.h"
#include "payload/base/format.h"

namespace sealift::format {
namespace {

// Explains a missing trailer: with a header at one of the two offsets the file was a payload and is truncated.
Error missing_trailer(const base::RandomAccessFile& file) {
  for (const base::FileOffset offset : {base::FileOffset{0}, kPayloadOffset}) {
    std::array<std::byte, kHeaderSize> bytes;
    if (!base::range_within(offset, bytes.size(), file.size()) || !file.read_at(offset, bytes)) continue;
    const auto header = parse_header(bytes);
    if (!header) continue;
    return Error{
        ErrorCode::truncated,
        base::format("the file should have {} bytes and has {}: its end is missing or overwritten; copy it again",
                     offset + std::min(header->payload_size, kMaxPayloadSize), file.size()),
        {}};
  }
  return Error{ErrorCode::not_a_payload, "the file holds no payload: there is no trailer at its end", {}};
}

}  // namespace

Result<Trailer> read_trailer(const base::RandomAccessFile& file) {
  std::array<std::byte, kTrailerSize> bytes;
  if (file.size() < kHeaderSize + kTrailerSize) return fail(missing_trailer(file));
  SEALIFT_TRY(file.read_at(file.size() - bytes.size(), bytes));
  auto trailer = parse_trailer(bytes);
  if (!trailer && trailer.error().code == ErrorCode::not_a_payload) return fail(missing_trailer(file));
  return trailer;
}

}  // namespace sealift::format
