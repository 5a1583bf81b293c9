// SPDX-License-Identifier: Apache-2.0
#include "payload/base/duration.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::base {

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr Duration kLongest = std::chrono::days(30);
  Duration out{0}, last = std::chrono::hours(2);  // units come from large to small, each once
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 7 || digits == text.size()) return std::nullopt;
    const auto number = parse_u64(text.substr(0, digits));
    const char letter = text[digits];
    const Duration unit = letter == 'h'   ? std::chrono::hours(1)
                          : letter == 'm' ? std::chrono::minutes(1)
                          : letter == 's' ? std::chrono::seconds(1)
                                          : Duration{0};
    if (!number || unit == Duration{0} || unit >= last) return std::nullopt;
    out += unit * *number;
    last = unit;
    text.remove_prefix(digits + 1);
  }
  if (out < std::chrono::seconds(1) || out > kLongest) return std::nullopt;
  return out;
}

}  // namespace sealift::base
