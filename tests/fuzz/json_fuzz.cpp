// SPDX-License-Identifier: Apache-2.0
// Canonical output of a parsed value is its own canonical form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/json/value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift::json;
  const auto value = parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return 0;
  const std::string canonical = to_canonical(*value);
  const auto again = parse(canonical, {.bytes = size_t{1} << 30});
  if (!again || to_canonical(*again) != canonical) std::abort();
  const auto pretty = parse(to_pretty(*value), {.bytes = size_t{1} << 30});
  if (!pretty || !(*pretty == *again)) std::abort();
  return 0;
}
