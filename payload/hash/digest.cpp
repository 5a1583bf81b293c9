// SPDX-License-Identifier: Apache-2.0
#include "payload/hash/digest.h"

#include <cstring>

#include "payload/base/text.h"

namespace sealift::hash {

std::string Digest::hex() const { return base::to_hex(bytes); }
std::string Digest::text() const { return "sha256:" + hex(); }

Result<Digest> Digest::from_hex(std::string_view hex) {
  const auto value = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    return 16;
  };
  Digest digest;
  bool good = hex.size() == 2 * digest.bytes.size();
  for (size_t i = 0; good && i < digest.bytes.size(); ++i) {
    const unsigned high = value(hex[2 * i]);
    const unsigned low = value(hex[2 * i + 1]);
    good = high < 16 && low < 16;
    digest.bytes[i] = static_cast<std::byte>((high << 4U | low) & 0xffU);
  }
  if (good) return digest;
  return fail(ErrorCode::invalid_input, "\"{}\" is not a SHA-256 digest: 64 lower-case hexadecimal digits are wanted",
              base::printable(hex));
}

Result<Digest> Digest::parse(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) {
    return fail(ErrorCode::invalid_input,
                "\"{}\" is not a digest: \"sha256:\" and 64 lower-case hexadecimal digits are wanted",
                base::printable(text));
  }
  return from_hex(text.substr(kPrefix.size()));
}

}  // namespace sealift::hash

size_t std::hash<sealift::hash::Digest>::operator()(const sealift::hash::Digest& digest) const noexcept {
  size_t value = 0;  // a digest's bytes are already uniformly distributed
  std::memcpy(&value, digest.bytes.data(), sizeof value);
  return value;
}
