// SPDX-License-Identifier: Apache-2.0
#include "payload/format/app_name.h"

#include <algorithm>

namespace sealift::format {

bool is_app_name(std::string_view name) {
  return name.size() <= 53 && !name.empty() && name.front() != '-' && name.back() != '-' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace sealift::format
