// SPDX-License-Identifier: Apache-2.0
//
// Patterns as people write them for images and files: * stands for any text, also an empty one and one with slashes.
#pragma once

#include <string_view>

namespace sealift::base {

// Whether the whole text is like the pattern. Linear in memory, at worst text times pattern in time.
bool is_like(std::string_view text, std::string_view pattern);

}  // namespace sealift::base
