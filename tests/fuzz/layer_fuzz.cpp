// SPDX-License-Identifier: Apache-2.0
// A layer, whatever it is compressed with: it is measured or refused. What gzip, or a tar, claims costs no memory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "packer/sources/image_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const auto measured = [&](const char* type) {
    base::MemorySource layer(bytes);
    return sources::measure_layer(layer, type);
  };
  const auto plain = measured("application/vnd.oci.image.layer.v1.tar");
  const auto compressed = measured("application/vnd.oci.image.layer.v1.tar+gzip");
  // Its own type is not believed, except that a plain layer is never taken for a compressed one.
  const auto other = measured("application/vnd.docker.image.rootfs.diff.tar.zstd");
  if (compressed.has_value() != other.has_value() || (compressed && *compressed != *other)) std::abort();
  const bool is_plain = size != 0 && data[0] != 0x1f && data[0] != 0x28 && (data[0] & 0xf0U) != 0x50;
  if (is_plain && plain && (!compressed || *compressed != *plain)) std::abort();
  return 0;
}
