// SPDX-License-Identifier: Apache-2.0
// Whatever a .sealiftignore holds: no path takes long, the line that excludes it is one of the file, and a folder that
// is not entered holds nothing that an exception would have brought back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "packer/resolve/ignore_list.h"

// The first line is a path, the others are the list.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift::resolve;
  if (size > 2048) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\n'), size);
  const auto path = text.substr(0, end);
  const auto lines = text.substr(std::min(end + 1, size));
  const auto list = IgnoreList::parse(lines, "list");
  if (!list) {
    if (!list.error().what.starts_with("list:")) std::abort();
    return 0;
  }
  const auto matches = list->matches(path);
  const auto excluded = list->excluded_by(matches);
  if (excluded && (excluded->line < 1 || excluded->line > 1 + std::ranges::count(lines, '\n'))) std::abort();
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const auto folder = path.substr(0, slash);
    const auto above = list->matches(folder);
    if (list->excluded_by(above) && !list->may_hold_exceptions(folder, above) && !excluded) std::abort();
  }
  return 0;
}
