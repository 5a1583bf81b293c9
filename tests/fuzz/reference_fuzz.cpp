// SPDX-License-Identifier: Apache-2.0
// An accepted name is stable: its full text parses to the same name, and no part can escape its place in a URL.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/image/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift::image;
  const auto reference = parse_reference(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!reference) return 0;
  const auto again = parse_reference(reference->text());
  if (!again || !(*again == *reference)) std::abort();
  const std::string name = reference->text();
  if (reference->name().contains("..") || name.contains("//") || reference->tag.starts_with('.') ||
      name.find_first_of(" %?#\\\"'\n\r\t") != std::string::npos)
    std::abort();
  return 0;
}
