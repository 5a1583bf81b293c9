// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sealift::tests {

inline constexpr char kX86_64 = '\x3e', kAarch64 = '\xb7';  // EM_X86_64, EM_AARCH64

// A program for a host, as far as the packer looks: an ELF header of this machine, then `filling`.
inline std::string host_program(char machine = kX86_64, size_t size = 64, char filling = '\0') {
  std::string out(
      "\x7f"
      "ELF",
      4);
  out.resize(18);
  out += machine;
  out.resize(20);
  out.resize(size, filling);
  return out;
}

}  // namespace sealift::tests
