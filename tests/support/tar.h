// SPDX-License-Identifier: Apache-2.0
//
// tar archives and gzip streams, byte by byte, so that any part can be made wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/format.h"

namespace sealift::tests {

struct TarEntry {
  std::string name;
  std::string data;
  char type = '0';                       // 0 file, 1 hard link, 2 symbolic link, 5 folder, 6 named pipe, x pax header
  std::string target = "target";         // of a link
  std::optional<uint64_t> claimed = {};  // the size in the header, if it is not the data's
  std::string mode = "0000644";
};

// One ustar header with its data.
inline std::string tar_entry(const TarEntry& entry) {
  std::string header(512, '\0');
  const auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
  put(0, entry.name);
  put(100, entry.mode);
  put(108, "0000000");
  put(116, "0000000");
  const uint64_t size = entry.claimed.value_or(entry.data.size());
  if (size < uint64_t{1} << 33) {
    put(124, base::format("{:011o}", size));
  } else {  // base 256, as GNU tar writes it
    header[124] = '\x80';
    for (size_t i = 0; i < 8; ++i) header[128 + i] = static_cast<char>((size >> (8 * (7 - i))) & 0xffU);
  }
  put(136, "00000000000");
  header[156] = entry.type;
  if (entry.type == '1' || entry.type == '2') put(157, entry.target);
  put(257, "ustar");
  put(263, "00");
  put(148, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, base::format("{:06o}", sum));
  header[154] = '\0';
  return header + entry.data + std::string((512 - entry.data.size() % 512) % 512, '\0');
}

inline std::string tar(const std::vector<TarEntry>& entries) {
  std::string out;
  for (const auto& entry : entries) out += tar_entry(entry);
  return out + std::string(1024, '\0');
}

inline uint32_t crc32(std::string_view text) {
  uint32_t out = ~0U;
  for (const char c : text) {
    out ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) out = (out >> 1) ^ ((out & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~out;
}

// RFC 1952, with stored blocks.
inline std::string gzip(std::string_view plain) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const auto number = [&](size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xffU);
  };
  const uint32_t sum = crc32(plain);
  const size_t size = plain.size();
  do {
    const auto block = plain.substr(0, 60'000);
    plain.remove_prefix(block.size());
    out += static_cast<char>(plain.empty() ? 1 : 0);
    number(block.size(), 2);
    number(~block.size(), 2);
    out += block;
  } while (!plain.empty());
  number(sum, 4);
  number(size, 4);
  return out;
}

}  // namespace sealift::tests
