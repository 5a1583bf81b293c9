// SPDX-License-Identifier: Apache-2.0
//
// File permissions as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sealift::base {

// One to five octal digits, at most 7777: "644", "0644", "04755"; anything else is nullopt.
std::optional<uint32_t> parse_mode(std::string_view text);

}  // namespace sealift::base
