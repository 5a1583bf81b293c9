// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/engine/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)sealift::engine::parse_journal(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
