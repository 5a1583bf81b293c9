// SPDX-License-Identifier: Apache-2.0
#include "payload/base/safe_path.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::base {

Result<std::string> safe_relative_path(std::string_view path) {
  if (path.empty()) return fail(ErrorCode::invalid_input, "an empty path");
  if (path.size() > kMaxPath)
    return fail(ErrorCode::invalid_input, "a path of {} bytes, at most {} are allowed", path.size(), kMaxPath);
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return fail(ErrorCode::invalid_input, "the path \"{}\" holds a control character", printable(path));
  }
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return fail(ErrorCode::invalid_input, "the path \"{}\" must be relative, without empty, \".\" or \"..\" parts",
                  printable(path));
    }
  }
  return std::string(path);
}

Result<std::string> clean_relative_path(std::string_view path) {
  if (path.starts_with('/')) return fail(ErrorCode::invalid_input, "the path \"{}\" must be relative", printable(path));
  std::string out;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (!out.empty()) out += '/';
    out += part;
  }
  if (out.empty()) return out;
  return safe_relative_path(out);
}

Result<std::string> safe_absolute_path(std::string_view path) {
  if (!path.starts_with('/'))
    return fail(ErrorCode::invalid_input, "the path \"{}\" must be absolute", printable(path));
  SEALIFT_ASSIGN(const std::string rest, safe_relative_path(path.substr(1)));
  return "/" + rest;
}

}  // namespace sealift::base
