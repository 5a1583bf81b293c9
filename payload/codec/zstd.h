// SPDX-License-Identifier: Apache-2.0
//
// Zstandard: whole frames for the payload, and a stream decoder for layers that come compressed. Output never exceeds
// what the caller declared; a frame that claims otherwise is an error. It knows nothing of payloads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/stream.h"

namespace sealift::codec {

std::string zstd_version();  // of the library that is linked in: "1.5.7"

// One compressor is used by one thread at a time; keep it, since its tables are large.
class ZstdCompressor {
 public:
  explicit ZstdCompressor(int level);
  ~ZstdCompressor();
  ZstdCompressor(ZstdCompressor&&) noexcept;
  ZstdCompressor& operator=(ZstdCompressor&&) noexcept;

  // One frame that states its content size and carries no checksum. The same bytes in give the same bytes out for one
  // version and level, whatever was compressed before.
  Result<Bytes> compress(ByteView plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes exactly one frame that fills `plain` exactly; else corrupt. Any thread.
Result<void> zstd_decompress(ByteView stored, std::span<std::byte> plain);
// The same into a new buffer. The caller has checked `plain_size` against its own limit.
Result<Bytes> zstd_decompress(ByteView stored, size_t plain_size);

// Reads a compressed stream (any number of frames and skippable frames) as its plain bytes. Windows above 128 MiB are
// limit_exceeded. The compressed source must live longer. An end within a frame is `truncated`.
class ZstdSource final : public base::Source {
 public:
  explicit ZstdSource(base::Source& compressed);
  ~ZstdSource() override;
  Result<size_t> read(std::span<std::byte> buffer) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sealift::codec
