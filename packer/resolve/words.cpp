// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/words.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// UTF-8 continuation bytes do not count.
int characters(std::string_view text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

std::unexpected<Error> bad(const Place& place, std::string_view what) {
  return fail(ErrorCode::invalid_input, "{}: {}", place.text(), what);
}

Error with_line(Error error, const Place& place) {
  if (!error.what.contains(base::format("{}:{}", place.file, place.line)))
    error.while_doing.push_back("carrying out " + place.text());
  return error;
}

std::string Place::text() const {
  if (line == 0) return file;
  return column == 0 ? base::format("{}:{}", file, line) : base::format("{}:{}:{}", file, line, column);
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

Place Places::at(size_t offset) {
  const auto& parts = line_->parts_;
  for (; part_ + 1 < parts.size() && parts[part_ + 1].begin <= offset; ++part_) {
    offset_ = parts[part_ + 1].begin;
    characters_ = 0;
  }
  characters_ += characters(line_->text().substr(offset_, offset - offset_));
  offset_ = offset;
  return {line_->file_, parts[part_].line, parts[part_].column + characters_};
}

Result<std::vector<Word>> LogicalLine::words(size_t offset) const {
  std::vector<Word> out;
  bool in_word = false;
  char quote = 0;
  Places places(*this);
  Place opened;
  for (size_t i = offset; i < text_.size(); ++i) {
    const char c = text_[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) out.push_back({"", places.at(i)});
    if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote == 0 ? c : '\0';
      opened = places.at(i);
    } else {
      out.back().text += c;
    }
  }
  if (quote != 0) return fail(ErrorCode::invalid_input, "{}: a quote is not closed", opened.text());
  return out;
}

}  // namespace sealift::resolve
