// SPDX-License-Identifier: Apache-2.0
#include "payload/format/head.h"

#include <algorithm>
#include <cstring>

#include "payload/format/layout.h"

namespace sealift::format {
namespace {

constexpr uint64_t kReadSize = uint64_t{1} << 20;

}  // namespace

Result<void> check_zeros(const base::RandomAccessFile& file, base::FileOffset offset, uint64_t size) {
  Bytes buffer(static_cast<size_t>(std::min(size, kReadSize)));
  while (size != 0) {
    const auto part = std::span(buffer).first(static_cast<size_t>(std::min(size, kReadSize)));
    SEALIFT_TRY(file.read_at(offset, part));
    // The first byte is zero and each equals its neighbour: one fast comparison for the 16 MiB of an artifact's head.
    if (part.front() != std::byte{0} || std::memcmp(part.data(), part.data() + 1, part.size() - 1) != 0) {
      const auto bad = std::ranges::find_if(part, [](std::byte b) { return b != std::byte{0}; });
      return fail(ErrorCode::corrupt, "the padding is not zero at file offset {}",
                  offset + static_cast<uint64_t>(bad - part.begin()));
    }
    offset += part.size();
    size -= part.size();
  }
  return {};
}

Result<Architecture> program_at_head(const base::RandomAccessFile& file, const Contents& contents) {
  for (const auto& stub : contents.stubs) {
    if (stub.object.size > kPayloadOffset) continue;
    SEALIFT_ASSIGN(const Digest digest, hash::sha256(file, 0, stub.object.size));
    if (digest != stub.object.digest) continue;
    SEALIFT_TRY(check_zeros(file, stub.object.size, kPayloadOffset - stub.object.size));
    return stub.architecture;
  }
  return fail(ErrorCode::corrupt, "the program at the file's head is none of those that the payload holds");
}

}  // namespace sealift::format
