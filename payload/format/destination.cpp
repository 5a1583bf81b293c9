// SPDX-License-Identifier: Apache-2.0
#include "payload/format/destination.h"

#include <algorithm>
#include <filesystem>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::format {
namespace {

constexpr std::initializer_list<std::string_view> kOwn = {"/var/lib/sealift", "/etc/sealift", "/usr/local/lib/sealift",
                                                          "/run/sealift"};

}  // namespace

bool lies_in(std::string_view path, std::initializer_list<std::string_view> folders) {
  return std::ranges::any_of(folders, [&](std::string_view folder) {
    return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
  });
}

bool is_sealifts(std::string_view path) {
  const auto clean = std::filesystem::path(path).lexically_normal().string();
  return lies_in(clean.ends_with('/') ? std::string_view(clean).substr(0, clean.size() - 1) : clean, kOwn);
}

std::optional<std::string> bad_destination(std::string_view path) {
  if (auto safe = base::safe_absolute_path(path); !safe) return safe.error().what;
  if (lies_in(path, {"/proc", "/sys", "/dev"})) return base::format("{} is no place for a file", base::printable(path));
  if (lies_in(path, kOwn)) return base::format("{} belongs to Sealift itself", base::printable(path));
  if (lies_in(path, {"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"}))
    return base::format("{} lists the host's users, which would all be lost", base::printable(path));
  return std::nullopt;
}

}  // namespace sealift::format
