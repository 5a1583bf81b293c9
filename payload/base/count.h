// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <format>
#include <string>
#include <string_view>

namespace sealift::base {

// "1 file", "2 files"; or "1 host is", "2 hosts are"
inline std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return std::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace sealift::base
