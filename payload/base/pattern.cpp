// SPDX-License-Identifier: Apache-2.0
#include "payload/base/pattern.h"

namespace sealift::base {

bool is_like(std::string_view text, std::string_view pattern) {
  size_t star = std::string_view::npos, resume = 0, i = 0, j = 0;
  while (i < text.size()) {
    if (j < pattern.size() && pattern[j] == '*') {
      star = j++;
      resume = i;
    } else if (j < pattern.size() && pattern[j] == text[i]) {
      ++i;
      ++j;
    } else if (star != std::string_view::npos) {
      j = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', j) == std::string_view::npos;
}

}  // namespace sealift::base
