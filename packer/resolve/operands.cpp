// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/operands.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {

Result<Options> take_options(std::vector<Word>& words, std::span<const std::string_view> known,
                             std::span<const std::string_view> flags) {
  Options out;
  while (!words.empty() && words.front().text.starts_with("--")) {
    const Word word = words.front();
    words.erase(words.begin());
    const size_t equals = word.text.find('=');
    const std::string name = word.text.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (!std::ranges::contains(known, name)) {
      const auto near = base::nearest(name, known);
      return bad(word.place, base::format("the option --{} is not known here{}", base::printable(name),
                                          near ? base::format("; did you mean --{}?", *near) : ""));
    }
    if (equals != std::string::npos) {
      out[name].push_back({word.text.substr(equals + 1), word.place});
    } else if (std::ranges::contains(flags, name)) {
      out[name].push_back({"true", word.place});
    } else {
      if (words.empty()) return bad(word.place, base::format("--{} wants a value", name));
      out[name].push_back(words.front());
      words.erase(words.begin());
    }
  }
  return out;
}

Result<std::optional<Word>> take_keyword(std::vector<Word>& words, std::string_view keyword, std::string_view operand) {
  const auto at = std::ranges::find(words, keyword, &Word::text);
  if (at == words.end()) return std::optional<Word>{};
  if (at + 1 == words.end()) return bad(at->place, base::format("{} must be followed by {}", keyword, operand));
  const Word out = *(at + 1);
  words.erase(at, at + 2);
  return std::optional(out);
}

bool is_setting(std::string_view text) { return text.contains('=') && !text.starts_with('='); }

Result<std::map<std::string, std::string>> take_settings(const Given& given) {
  std::map<std::string, std::string> out;
  if (given.words.empty()) return bad(given.place, "NAME=value is expected");
  for (const auto& [text, place] : given.words) {
    if (!is_setting(text)) return bad(place, base::format("\"{}\" is not NAME=value", base::printable(text)));
    const size_t equals = text.find('=');
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

}  // namespace sealift::resolve
