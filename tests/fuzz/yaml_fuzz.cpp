// SPDX-License-Identifier: Apache-2.0
// Whatever the text was, a parsed value round-trips.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/yaml/node.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift::yaml;
  if (size > 16384) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = parse(text, "fuzz");
  if (!documents) return 0;
  for (const auto& document : *documents) {
    const auto again = parse(to_yaml(document), "written", {.bytes = size_t{64} << 20});
    if (!again || again->size() != 1) std::abort();
    if (to_yaml(again->front()) != to_yaml(document)) std::abort();
  }
  return 0;
}
