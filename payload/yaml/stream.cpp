// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "payload/base/text.h"
#include "payload/yaml/part.h"
#include "payload/yaml/split.h"

namespace sealift::yaml {
namespace {

std::string_view first_line(std::string_view text) {
  return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

// "---" alone or before a blank; YAML allows it inside no scalar at the beginning of a line.
bool is_separator(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || std::string_view(" \t\r\n").contains(line[3]));
}

bool says_something(std::string_view line) {
  line = base::trim(line);
  return !line.empty() && !line.starts_with('#') && line != "---" && line != "...";
}

// What belongs to one document: up to the next separator, with the directives that stand before its own.
struct Extent {
  size_t bytes = 0;
  int lines = 0;
  bool empty = true;
};

Extent next_document(std::string_view text) {
  Extent out;
  bool only_directives = false;
  while (out.bytes < text.size()) {
    const auto line = first_line(text.substr(out.bytes));
    if (is_separator(line)) {
      if (out.bytes != 0 && !only_directives) break;
      only_directives = false;
    } else if (says_something(line) && out.empty) {
      only_directives = line.starts_with('%');
    }
    out.empty = out.empty && (only_directives || !says_something(line));
    out.bytes += line.size();
    ++out.lines;
  }
  return out;
}

}  // namespace

Result<void> for_each_document(std::string_view text, std::string_view where, const Limits& limits,
                               const std::function<Result<void>(Result<Node> document)>& visit,
                               std::vector<std::string>* warnings) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int lines_before = 0; !text.empty();) {
    const Extent extent = next_document(text);
    if (!extent.empty) {
      auto documents = parse_part({.text = text.substr(0, extent.bytes), .lines_before = lines_before}, where, limits,
                                  DuplicateKeys::last_wins, warnings);
      if (!documents) {
        SEALIFT_TRY(visit(fail(std::move(documents).error())));
      } else {
        for (auto& document : *documents) SEALIFT_TRY(visit(std::move(document)));
      }
    }
    lines_before += extent.lines;
    text.remove_prefix(extent.bytes);
  }
  return {};
}

std::vector<std::string_view> split_documents(std::string_view text) {
  std::vector<std::string_view> out;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const Extent extent = next_document(text);
    if (!extent.empty) out.push_back(text.substr(0, extent.bytes));
    text.remove_prefix(extent.bytes);
  }
  return out;
}

}  // namespace sealift::yaml
