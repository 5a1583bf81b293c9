// SPDX-License-Identifier: Apache-2.0
//
// Zstandard: whole frames for the payload, and a stream decoder for compressed layers. Output never exceeds the size
// that the caller declared; a frame that claims otherwise is an error. Knows nothing of payloads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/stream.h"

namespace sealift::codec {

std::string zstd_version();  // of the linked library: "1.5.7"

// One thread at a time. Keep a compressor: its tables are large.
class ZstdCompressor {
 public:
  explicit ZstdCompressor(int level);
  ~ZstdCompressor();
  ZstdCompressor(ZstdCompressor&&) noexcept;
  ZstdCompressor& operator=(ZstdCompressor&&) noexcept;

  // One frame with its content size and no checksum. Deterministic for one version and level: the same input gives the
  // same output, whatever was compressed before.
  Result<Bytes> compress(ByteView plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes exactly one frame that fills `plain` exactly; otherwise `corrupt`. Any thread.
Result<void> zstd_decompress(ByteView stored, std::span<std::byte> plain);
// The same into a new buffer. The caller has checked `plain_size` against its own limit.
Result<Bytes> zstd_decompress(ByteView stored, size_t plain_size);

// Reads a compressed stream (any number of frames and skippable frames) as its plain bytes. Windows above 128 MiB are
// limit_exceeded. The compressed source must outlive this. An end within a frame is `truncated`.
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
