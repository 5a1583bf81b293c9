// SPDX-License-Identifier: Apache-2.0
//
// Text of others where it leaves the program. Beside control characters and invalid UTF-8 there are characters that
// nobody sees but that change how the rest is shown: C1, marks of direction, line separators, tags (Unicode 16). All of
// them become visible, here and in printable() of text.h: \xNN for bytes, \u{NNNN} for characters.
#pragma once

#include <string>
#include <string_view>

namespace sealift::base {

// Several lines: their ends and tabs stay, and each is cut after 4000 bytes.
std::string printable_lines(std::string_view text);
// The same value as this JSON text, with \uNNNN for the characters that nobody sees.
std::string printable_json(std::string_view text);

}  // namespace sealift::base
