// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "payload/base/text.h"
#include "payload/hash/digest.h"
#include "payload/hash/sha256_blocks.h"

namespace sealift::hash {
namespace {

BlockFunction blocks() {
  static const BlockFunction chosen = [] {
    const BlockFunction accelerated = sha256_blocks_accelerated();
    return accelerated != nullptr ? accelerated : sha256_blocks_portable;
  }();
  return chosen;
}

constexpr size_t kReadSize = size_t{1} << 20;

}  // namespace

Sha256::Sha256()
    : state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

void Sha256::update(ByteView data) {
  total_ += data.size();
  if (filled_ != 0) {
    const size_t count = std::min(data.size(), block_.size() - filled_);
    std::copy_n(data.begin(), count, block_.begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ += count;
    data = data.subspan(count);
    if (filled_ < block_.size()) return;
    blocks()(state_, block_.data(), 1);
    filled_ = 0;
  }
  const size_t whole = data.size() / block_.size();
  if (whole != 0) blocks()(state_, data.data(), whole);
  data = data.subspan(whole * block_.size());
  std::ranges::copy(data, block_.begin());
  filled_ = data.size();
}

Digest Sha256::finish() {
  const uint64_t bits = total_ * 8;
  block_[filled_++] = std::byte{0x80};
  if (filled_ > 56) {
    std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{0});
    blocks()(state_, block_.data(), 1);
    filled_ = 0;
  }
  std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{0});
  for (size_t i = 0; i < 8; ++i) block_[63 - i] = static_cast<std::byte>((bits >> (8 * i)) & 0xffU);
  blocks()(state_, block_.data(), 1);
  Digest digest;
  for (size_t i = 0; i < 32; ++i)
    digest.bytes[i] = static_cast<std::byte>((state_[i / 4] >> (24 - 8 * (i % 4))) & 0xffU);
  return digest;
}

Digest sha256(ByteView data) {
  Sha256 hasher;
  hasher.update(data);
  return hasher.finish();
}

Result<Digest> sha256(base::Source& source) {
  Sha256 hasher;
  Bytes buffer(kReadSize);
  for (;;) {
    SEALIFT_ASSIGN(const size_t count, source.read(buffer));
    if (count == 0) return hasher.finish();
    hasher.update(ByteView(buffer).first(count));
  }
}

Result<Digest> sha256(const base::RandomAccessFile& file, base::FileOffset offset, base::ByteCount size) {
  Sha256 hasher;
  Bytes buffer(static_cast<size_t>(std::min<base::ByteCount>(size, kReadSize)));
  while (size != 0) {
    const auto piece = std::span(buffer).first(static_cast<size_t>(std::min<base::ByteCount>(size, kReadSize)));
    SEALIFT_TRY(file.read_at(offset, piece));
    hasher.update(piece);
    offset += piece.size();
    size -= piece.size();
  }
  return hasher.finish();
}

std::string_view implementation() {
  if (sha256_blocks_accelerated() == nullptr) return "portable";
#if defined(__aarch64__)
  return "armv8-ce";
#else
  return "sha-ni";
#endif
}

}  // namespace sealift::hash
