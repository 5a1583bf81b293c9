// SPDX-License-Identifier: Apache-2.0
// A registry's challenge: read or refused; names are lower case, and nothing is there that the header does not hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "payload/distribution/challenge.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const auto challenges = distribution::parse_challenges(header);
  if (!challenges) return 0;
  const auto is_lower = [](std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  };
  size_t length = 0;
  for (const auto& challenge : *challenges) {
    if (challenge.scheme.empty() || !is_lower(challenge.scheme)) std::abort();
    length += challenge.scheme.size();
    for (const auto& [name, value] : challenge.parameters) {
      if (name.empty() || !is_lower(name)) std::abort();
      length += name.size() + value.size();
    }
  }
  if (length > size) std::abort();
  return 0;
}
