// SPDX-License-Identifier: Apache-2.0
#include "payload/format/destination.h"

#include <algorithm>
#include <format>

#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::format {

bool lies_in(std::string_view path, std::initializer_list<std::string_view> folders) {
  return std::ranges::any_of(folders, [&](std::string_view folder) {
    return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
  });
}

std::optional<std::string> bad_destination(std::string_view path) {
  if (auto safe = base::safe_absolute_path(path); !safe) return safe.error().what;
  if (lies_in(path, {"/proc", "/sys", "/dev"})) return std::format("{} is no place for a file", base::printable(path));
  if (lies_in(path, {"/var/lib/sealift", "/etc/sealift", "/usr/local/lib/sealift", "/run/sealift"}))
    return std::format("{} belongs to Sealift itself", base::printable(path));
  return std::nullopt;
}

}  // namespace sealift::format
