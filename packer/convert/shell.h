// SPDX-License-Identifier: Apache-2.0
//
// The commands of a line or a script, as far as they can be known without running anything. Made for what stands in
// the Kubefiles of sealer and sealos: plain commands with variables. Everything else is left as a text with a reason.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sealift::convert {

using Variables = std::map<std::string, std::string>;

struct Command {
  std::vector<std::string> words;  // unquoted; variables, redirections and assignments before them are gone
  int line = 0;
  std::string text;    // as written
  std::string unread;  // why the words do not tell what it does: "a pipe"; empty if they do
};

// Replaces $(NAME), $NAME, ${NAME} and ${NAME:-default}. What has no value stays, and so does everything in single
// quotes. `unread`, if not null, becomes the reason if something stays.
std::string expand(std::string_view text, const Variables& variables, std::string* unread = nullptr);

// The words of a text without commands: quotes keep blanks within a word and are removed.
std::vector<std::string> unquoted_words(std::string_view text);

// Assignments ("NAME=${NAME:-x}") change `variables`.
std::vector<Command> read_commands(std::string_view text, int first_line, Variables& variables);

// Whether it stands among others in a way that their order does not tell: a condition, a text of its own.
bool decides(const Command& command);

// The first words, enough to recognise the command: operands may hold passwords.
std::string short_text(const Command& command);

}  // namespace sealift::convert
