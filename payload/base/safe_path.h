// SPDX-License-Identifier: Apache-2.0
//
// File names from outside: in a payload's tree, an archive, a Kubefile. A safe relative path has no empty, "." or ".."
// part, no leading or trailing slash, no NUL or control character, and at most kMaxPath bytes.
#pragma once

#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::base {

inline constexpr size_t kMaxPath = 1024;

// The path itself if it is safe, otherwise invalid_input with the reason.
Result<std::string> safe_relative_path(std::string_view path);
// "a//b/./c/" → "a/b/c", then checked as above. ".." is rejected, not resolved. "." and "" give "".
Result<std::string> clean_relative_path(std::string_view path);
// An absolute path with safe parts ("/etc/x"); "/" alone is rejected.
Result<std::string> safe_absolute_path(std::string_view path);

}  // namespace sealift::base
