// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/file_kind.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "payload/base/text.h"

namespace sealift::sources {

bool is_html(ByteView head) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8
  std::string_view text = base::as_text(head);
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const auto begin = base::to_lower(text.substr(0, 14));
  return begin == "<!doctype html" ||
         (begin.starts_with("<html") && (begin.size() == 5 || begin[5] == '>' || begin[5] == ' '));
}

std::optional<std::string_view> known_stranger(ByteView head) {
  using namespace std::string_view_literals;
  constexpr auto kBeginnings = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"PK\x03\x04"sv, "a zip archive"},
      {"PK\x05\x06"sv, "an empty zip archive"},
      {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
      {"Rar!\x1a\x07"sv, "a RAR archive"},
      {"BZh"sv, "compressed with bzip2"},
      {"!<arch>\n"sv, "a Debian package or an ar archive"},
      {"\xed\xab\xee\xdb"sv, "an RPM package"},
      {"\x7f"
       "ELF"sv,
       "a program"},
  });
  if (head.empty()) return "empty";
  if (is_html(head)) return "an HTML page, as servers send it for errors and logins";
  for (const auto& [beginning, kind] : kBeginnings) {
    if (base::as_text(head).starts_with(beginning)) return kind;
  }
  return std::nullopt;
}

}  // namespace sealift::sources
