// SPDX-License-Identifier: Apache-2.0
//
// What people have in place of the file that is expected, told by its first bytes: for messages only.
#pragma once

#include <optional>
#include <string_view>

#include "payload/base/bytes.h"

namespace sealift::sources {

inline constexpr size_t kKindBytes = 512;  // as many decide

// "a zip archive", "an HTML page, …", "empty"; nothing if it may be anything. `head`: up to kKindBytes from the file's
// beginning.
std::optional<std::string_view> known_stranger(ByteView head);

bool is_html(ByteView head);

}  // namespace sealift::sources
