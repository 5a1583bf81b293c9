// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 validation. Source: RFC 3629.
#pragma once

#include <cstddef>
#include <string_view>

namespace sealift::base {

// Length in bytes (1 to 4) of the well-formed character at the front; 0 if there is none.
size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace sealift::base
