// SPDX-License-Identifier: Apache-2.0
//
// Whether bytes are text. Source: RFC 3629.
#pragma once

#include <cstddef>
#include <string_view>

namespace sealift::base {

// Bytes of the well-formed character at the front, 1 to 4; 0 if there is none (or no byte at all).
size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace sealift::base
