// SPDX-License-Identifier: Apache-2.0
//
// Stored frames from hostile bytes: whatever a frame claims, the result is exactly the declared bytes or an error, and
// streams end. The first three bytes are the declared plain size.
#include <cstdlib>

#include "payload/codec/zstd.h"
#include "payload/format/reader.h"
#include "tests/support/payload_builder.h"

using namespace sealift;
using namespace sealift::tests;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const size_t plain_size = data[0] | static_cast<size_t>(data[1]) << 8U | static_cast<size_t>(data[2] & 3U) << 16U;
  const ByteView stored = std::as_bytes(std::span(data, size)).subspan(3);
  const auto plain = codec::zstd_decompress(stored, plain_size);
  if (plain && plain->size() != plain_size) std::abort();

  base::MemorySource source(stored);
  codec::ZstdSource stream(source);
  const auto streamed = base::read_all(stream, 1 << 20);
  if (plain && (!streamed || *streamed != *plain)) std::abort();

  // The same frame in a payload with correct hashes: the reader returns its bytes or an error.
  if (plain_size == 0) return 0;
  PayloadBuilder builder;
  builder.frames.push_back({format::kHeaderSize + builder.data.size(), stored.size(), plain_size,
                            format::Encoding::zstd, hash::sha256(stored)});
  builder.data.insert(builder.data.end(), stored.begin(), stored.end());
  const Digest digest = plain ? hash::sha256(*plain) : Digest{};
  builder.add_object({digest, plain_size}, 0, 0);
  const base::MemoryFile file(builder.build());
  const auto reader = format::PayloadReader::open(file);
  if (!reader) std::abort();
  if ((*reader)->read_all(digest, 1 << 20).has_value() != plain.has_value()) std::abort();
  return 0;
}
