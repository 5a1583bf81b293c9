// SPDX-License-Identifier: Apache-2.0
//
// The contents document from hostile text. Whatever is accepted must be safe and survive a round trip.
#include <cstdint>
#include <cstdlib>

#include "payload/base/bytes.h"
#include "payload/base/safe_path.h"
#include "payload/format/contents.h"

using namespace sealift;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = base::as_text(std::as_bytes(std::span(data, size)));
  const auto contents = format::parse_contents(text);
  if (!contents) return 0;
  for (const auto& [path, file] : contents->tree) {
    if (!base::safe_relative_path(path) || file.mode > 0777) std::abort();
  }
  for (const auto& file : contents->host_files) {
    if (!base::safe_absolute_path(file.destination)) std::abort();
  }
  const auto json = format::to_json(*contents);
  const auto back = format::parse_contents(json);
  if (!back || *back != *contents || format::to_json(*back) != json) std::abort();
  return 0;
}
