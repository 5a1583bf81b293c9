// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/kubefile_reading.h"

#include <algorithm>
#include <array>
#include <optional>

#include "packer/resolve/operands.h"
#include "packer/resolve/words.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::convert {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::optional<std::vector<std::string>> json_texts(std::string_view text) {
  const auto parsed = json::parse(base::trim(text));
  if (!parsed || !parsed->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& element : *parsed->elements()) {
    if (element.string() == nullptr) return std::nullopt;
    out.push_back(*element.string());
  }
  return out;
}

// ${ARCH} is known to whoever reads the file.
std::string variable(std::string_view name, std::string_view rest, const std::set<std::string>& known) {
  const bool needs_default = rest.empty() && name != "ARCH" && !known.contains(std::string(name));
  return base::format("${{{}{}}}", name, needs_default ? ":-" : rest);
}

}  // namespace

std::vector<Instruction> read_instructions(std::string_view text, const std::string& file) {
  std::vector<Instruction> out;
  for (const auto& line : resolve::logical_lines(text, file)) {
    const auto whole = base::trim(line.text());
    const size_t end = std::min(whole.find_first_of(" \t["), whole.size());  // ENTRYPOINT["x"] has no blank
    out.push_back(
        {resolve::to_upper(whole.substr(0, end)), std::string(base::trim(whole.substr(end))), line.place().line});
  }
  return out;
}

std::string with_variables(std::string_view text, const std::set<std::string>& known) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (text[i] != '$') {
      out += text[i];
    } else if (text.substr(i).starts_with("${") && text.find('}', i) != std::string_view::npos) {
      end = text.find('}', i) + 1;
      const auto inside = text.substr(i + 2, end - i - 3);
      out += variable(inside.substr(0, inside.find(':')), inside.contains(':') ? inside.substr(inside.find(':')) : "",
                      known);
    } else {
      while (end < text.size() && is_name_character(text[end])) ++end;
      out += end > i + 1 ? variable(text.substr(i + 1, end - i - 1), "", known) : "$$";
    }
    i = end;
  }
  return out;
}

Settings read_settings(std::string_view rest) {
  Settings out;
  const auto words = unquoted_words(rest);
  if (words.empty()) return out;
  if (!words[0].contains('=')) return {{words[0], base::join(std::span(words).subspan(1), " ")}};
  for (const auto& word : words) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos) out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return out;
}

std::vector<std::string> read_command_lines(std::string_view rest) {
  const auto texts = json_texts(rest);
  if (!texts) return {std::string(rest)};
  constexpr auto kPrograms =
      std::to_array<std::string_view>({"kubectl", "helm", "bash", "sh", "cp", "mv", "/bin/sh", "/bin/bash"});
  const bool are_words = texts->size() > 1 && std::ranges::contains(kPrograms, texts->front());
  if (!are_words) return *texts;
  const bool is_shell = texts->size() == 3 && (*texts)[1] == "-c";
  if (is_shell) return {(*texts)[2]};
  std::string line;
  for (const auto& word : *texts) line += (line.empty() ? "'" : " '") + base::replace_all(word, "'", "'\\''") + "'";
  return {line};
}

std::vector<std::string> read_list(std::string_view rest) {
  if (auto texts = json_texts(rest)) return *texts;
  return unquoted_words(rest);
}

CopyWords read_copy(std::string_view rest) {
  CopyWords out;
  while (rest.starts_with("--")) {
    const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    const auto option = rest.substr(0, end);
    if (option.starts_with("--from=")) out.from = option.substr(7);
    if (option.starts_with("--chmod=")) out.chmod = option.substr(8);
    rest = base::trim(rest.substr(end));
  }
  out.sources = read_list(rest);
  if (out.sources.size() < 2) return out;
  out.destination = out.sources.back();
  out.sources.pop_back();
  return out;
}

}  // namespace sealift::convert
