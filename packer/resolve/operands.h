// SPDX-License-Identifier: Apache-2.0
//
// What stands behind the first word of a Kubefile's line: options, words, keywords with their operands. Knows no
// instruction in particular.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packer/resolve/kubefile.h"
#include "payload/base/format.h"

namespace sealift::resolve {

struct Given {
  const Verb& verb;
  const LogicalLine& line;
  size_t operands = 0;      // offset in the line
  Place place;              // of the line
  std::vector<Word> words;  // with their variables expanded; none for LAUNCH
  // "COPY takes source [source …] destination": for errors.
  std::string usage() const { return base::format("{} takes {}", verb.word, verb.usage); }
};

// The values of each option in their order; of most only the last one counts.
using Options = std::map<std::string, std::vector<Word>>;
// Removes "--name=value" or "--name value" from the front. `flags`: those of `known` that need no value.
Result<Options> take_options(std::vector<Word>& words, std::span<const std::string_view> known,
                             std::span<const std::string_view> flags = {});
// Removes KEYWORD and its operand, wherever they stand.
Result<std::optional<Word>> take_keyword(std::vector<Word>& words, std::string_view keyword, std::string_view operand);

// "name=value", with a name.
bool is_setting(std::string_view text);
// Of lines that consist of such words.
Result<std::map<std::string, std::string>> take_settings(const Given& given);

std::string to_upper(std::string_view text);  // ASCII letters only

}  // namespace sealift::resolve
