// SPDX-License-Identifier: Apache-2.0
//
// The instructions of a foreign Kubefile, and its words. Only for this library.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "packer/convert/shell.h"

namespace sealift::convert {

struct Instruction {
  std::string verb;  // in upper case
  std::string rest;  // lines joined, without the verb
  int line = 0;
  std::string text() const { return verb + (rest.empty() ? "" : " " + rest); }
};
std::vector<Instruction> read_instructions(std::string_view text, const std::string& file);

// A word with its variables as we write them: $NAME becomes ${NAME}, or ${NAME:-} if it is not `known`; any other "$"
// is doubled.
std::string with_variables(std::string_view text, const std::set<std::string>& known);

using Settings = std::vector<std::pair<std::string, std::string>>;

// ENV NAME=value …, ENV NAME value; LABEL likewise. Quotes are removed; variables stay.
Settings read_settings(std::string_view rest);

// The command lines of CMD, CMDS, ENTRYPOINT: a shell line, a JSON list of shell lines, or a JSON list of words.
std::vector<std::string> read_command_lines(std::string_view rest);

// A JSON list of texts, or words.
std::vector<std::string> read_list(std::string_view rest);

struct CopyWords {
  std::vector<std::string> sources;
  std::string destination;
  std::string from, chmod;  // --from, --chmod
};
CopyWords read_copy(std::string_view rest);

}  // namespace sealift::convert
