// SPDX-License-Identifier: Apache-2.0
#include "payload/base/mode.h"

namespace sealift::base {

std::optional<uint32_t> parse_mode(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  return mode > 07777 ? std::nullopt : std::optional(mode);
}

}  // namespace sealift::base
