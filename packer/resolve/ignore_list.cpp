// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/ignore_list.h"

#include <algorithm>
#include <filesystem>

#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// "/a//b/./c/" → "a/b/c", "a/../b" → "b". A pattern that leads out of the context stays one and matches nothing.
std::string cleaned(std::string_view pattern) {
  auto out = std::filesystem::path(pattern).lexically_normal().string();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  if (out.size() > 1 && out.starts_with('/')) out.erase(0, 1);
  return out;
}

}  // namespace

Result<IgnoreList> IgnoreList::parse(std::string_view text, const std::string& file) {
  IgnoreList out;
  out.file_ = file;
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  int number = 0;
  for (const auto line : base::split(text, '\n')) {
    ++number;
    if (line.starts_with('#')) continue;
    if (const auto pattern = base::trim(line); !pattern.empty()) SEALIFT_TRY(out.add(pattern, number));
  }
  return out;
}

Result<void> IgnoreList::add(std::string_view line, int number) {
  const bool is_exception = line.starts_with('!');
  if (is_exception) line = base::trim(line.substr(1));
  const Place place{file_, number};
  if (line.empty() || (is_exception && line == "/")) return bad(place, "a ! stands before a pattern, and here is none");
  auto pattern = PathPattern::parse(base::trim(cleaned(line)));
  if (!pattern) return bad(place, pattern.error().what);
  patterns_.push_back({std::move(*pattern), is_exception, number});
  return {};
}

IgnoreList::Matches IgnoreList::matches(std::string_view path, const Matches& above) const {
  Matches out = above;
  out.resize(patterns_.size());
  for (size_t i = 0; i < patterns_.size(); ++i) out[i] = out[i] || patterns_[i].pattern.matches(path);
  return out;
}

IgnoreList::Matches IgnoreList::matches(std::string_view path) const {
  Matches out;
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    out = matches(path.substr(0, slash), out);
  return matches(path, out);
}

std::optional<Place> IgnoreList::excluded_by(const Matches& matches) const {
  const auto last = std::find(matches.rbegin(), matches.rend(), true);
  if (last == matches.rend()) return std::nullopt;
  const auto& line = patterns_[static_cast<size_t>(matches.rend() - last) - 1];
  return line.is_exception ? std::nullopt : std::optional(Place{file_, line.number});
}

bool IgnoreList::may_hold_exceptions(std::string_view folder, const Matches& matches) const {
  const auto after_last = static_cast<size_t>(matches.rend() - std::find(matches.rbegin(), matches.rend(), true));
  return std::any_of(patterns_.begin() + static_cast<std::ptrdiff_t>(after_last), patterns_.end(),
                     [&](const Line& line) { return line.is_exception && line.pattern.may_match_below(folder); });
}

}  // namespace sealift::resolve
