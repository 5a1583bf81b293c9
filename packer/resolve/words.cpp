// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/words.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// UTF-8 continuation bytes do not count.
int characters(std::string_view text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

std::string Place::text() const {
  return column == 0 ? std::format("{}:{}", file, line) : std::format("{}:{}:{}", file, line, column);
}

std::vector<LogicalLine> logical_lines(std::string_view text, const std::string& file) {
  std::vector<LogicalLine> out;
  LogicalLine current;
  int number = 0;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark that Windows editors write
  for (auto line : base::split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto trimmed = base::trim(line);
    if (trimmed.starts_with('#') || (trimmed.empty() && current.text_.empty())) continue;
    const bool goes_on = trimmed.ends_with('\\');
    current.parts_.push_back({current.text_.size(), number, 1 + static_cast<int>(trimmed.data() - line.data())});
    current.text_ += std::string(goes_on ? trimmed.substr(0, trimmed.size() - 1) : trimmed) + " ";
    if (goes_on) continue;
    current.file_ = file;
    out.push_back(std::exchange(current, {}));
  }
  current.file_ = file;
  if (!current.text_.empty()) out.push_back(std::move(current));
  return out;
}

Place LogicalLine::place() const { return {file_, parts_.front().line, 0}; }

Place LogicalLine::place_of(size_t offset) const {
  const auto& part = *std::prev(std::ranges::upper_bound(parts_, offset, {}, &Part::begin));
  return {file_, part.line, part.column + characters(std::string_view(text_).substr(part.begin, offset - part.begin))};
}

Result<std::vector<Word>> LogicalLine::words(size_t offset) const {
  std::vector<Word> out;
  bool in_word = false;
  char quote = 0;
  size_t opened = 0;
  for (size_t i = offset; i < text_.size(); ++i) {
    const char c = text_[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) out.push_back({"", place_of(i)});
    if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote == 0 ? c : '\0';
      opened = i;
    } else {
      out.back().text += c;
    }
  }
  if (quote != 0) return fail(ErrorCode::invalid_input, "{}: a quote is not closed", place_of(opened).text());
  return out;
}

}  // namespace sealift::resolve
