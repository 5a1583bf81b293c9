// SPDX-License-Identifier: Apache-2.0
//
// SHA-256: the value (Digest), one-shot and incremental hashing. The fastest implementation for this CPU is chosen at
// run time; callers never see which.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "payload/base/bytes.h"
#include "payload/base/error.h"
#include "payload/base/file.h"
#include "payload/base/stream.h"

namespace sealift::hash {

struct Digest {
  std::array<std::byte, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  std::string hex() const;   // 64 lower-case digits
  std::string text() const;  // "sha256:" + hex
  // "sha256:" + 64 lower-case hexadecimal digits, nothing else (upper case is rejected, as in OCI).
  static Result<Digest> parse(std::string_view text);
  static Result<Digest> from_hex(std::string_view hex);
};

class Sha256 {
 public:
  Sha256();
  void update(ByteView data);
  Digest finish();  // afterwards, only destroy it

 private:
  std::array<uint32_t, 8> state_;
  std::array<std::byte, 64> block_{};
  size_t filled_ = 0;
  uint64_t total_ = 0;
};

Digest sha256(ByteView data);
Result<Digest> sha256(base::Source& source);
Result<Digest> sha256(const base::RandomAccessFile& file, base::FileOffset offset, base::ByteCount size);

// "sha-ni", "armv8-ce" or "portable"
std::string_view implementation();

}  // namespace sealift::hash

template <>
struct std::hash<sealift::hash::Digest> {
  size_t operator()(const sealift::hash::Digest& digest) const noexcept;
};

namespace sealift {
using hash::Digest;
}  // namespace sealift
