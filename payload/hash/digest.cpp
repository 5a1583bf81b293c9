// SPDX-License-Identifier: Apache-2.0
#include "payload/hash/digest.h"

#include <algorithm>
#include <cstring>

#include "payload/base/text.h"

namespace sealift::hash {

std::string Digest::hex() const { return base::to_hex(bytes); }
std::string Digest::text() const { return "sha256:" + hex(); }

Result<Digest> Digest::from_hex(std::string_view hex) {
  const bool lower = std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  const auto decoded = hex.size() == 64 && lower ? base::from_hex(hex) : std::nullopt;
  if (!decoded) {
    return fail(ErrorCode::invalid_input, "\"{}\" is not a SHA-256 digest: 64 lower-case hexadecimal digits are wanted",
                base::printable(hex));
  }
  Digest digest;
  std::ranges::copy(*decoded, digest.bytes.begin());
  return digest;
}

Result<Digest> Digest::parse(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) {
    return fail(ErrorCode::invalid_input, "\"{}\" is not a digest: \"sha256:\" and 64 lower-case hexadecimal digits are wanted",
                base::printable(text));
  }
  return from_hex(text.substr(kPrefix.size()));
}

}  // namespace sealift::hash

size_t std::hash<sealift::hash::Digest>::operator()(const sealift::hash::Digest& digest) const noexcept {
  size_t value = 0;  // the digest's own bytes are as good as random
  std::memcpy(&value, digest.bytes.data(), sizeof value);
  return value;
}
