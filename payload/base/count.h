// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "payload/base/format.h"

namespace sealift::base {

// "1 file", "2 files"; or "1 host is", "2 hosts are"
inline std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return base::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace sealift::base
