// SPDX-License-Identifier: Apache-2.0
// Manifests and indexes as an untrusted registry or layout may send them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "payload/image/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift::image;
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const auto type : {std::string_view{}, kOciManifest, kDockerList}) {
    const auto parsed = parse_manifest(bytes, type);
    if (!parsed) continue;
    if (const auto* manifest = std::get_if<Manifest>(&*parsed)) {
      if (!is_manifest(manifest->media_type) || manifest->layers.size() > 1024) std::abort();
      for (const auto& layer : manifest->layers) (void)layer_compression(layer.media_type);
    } else if (!is_index(std::get<Index>(*parsed).media_type)) {
      std::abort();
    }
  }
  (void)parse_config_platform(bytes);
  return 0;
}
