// SPDX-License-Identifier: Apache-2.0
//
// A part of a longer text, read with the places of the whole. Only for this library.
#pragma once

#include "payload/yaml/node.h"

namespace sealift::yaml {

struct Part {
  std::string_view text;
  int lines_before = 0;
};

// As parse. Each replaced duplicate key adds a sentence to `warnings`, if that is not null.
Result<std::vector<Node>> parse_part(const Part& part, std::string_view where, const Limits& limits,
                                     DuplicateKeys duplicates, std::vector<std::string>* warnings);

}  // namespace sealift::yaml
