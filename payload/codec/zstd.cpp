// SPDX-License-Identifier: Apache-2.0
#include "payload/codec/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

namespace sealift::codec {
namespace {

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeCompressor>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, FreeDecompressor>;

constexpr int kMaxWindowLog = 27;  // the default limit of the zstd program

}  // namespace

std::string zstd_version() { return ZSTD_versionString(); }

struct ZstdCompressor::State {
  Compressor context;
  int level = 0;
};

ZstdCompressor::ZstdCompressor(int level) : state_(std::make_unique<State>(Compressor(ZSTD_createCCtx()), level)) {}
ZstdCompressor::~ZstdCompressor() = default;
ZstdCompressor::ZstdCompressor(ZstdCompressor&&) noexcept = default;
ZstdCompressor& ZstdCompressor::operator=(ZstdCompressor&&) noexcept = default;

Result<Bytes> ZstdCompressor::compress(ByteView plain) {
  ZSTD_CCtx* context = state_->context.get();
  if (context == nullptr) return fail(ErrorCode::internal, "no memory for a zstd compressor");
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  for (const auto& [parameter, value] :
       {std::pair(ZSTD_c_compressionLevel, state_->level), std::pair(ZSTD_c_contentSizeFlag, 1),
        std::pair(ZSTD_c_checksumFlag, 0), std::pair(ZSTD_c_dictIDFlag, 0)}) {
    if (const size_t code = ZSTD_CCtx_setParameter(context, parameter, value); ZSTD_isError(code) != 0) {
      return fail(ErrorCode::internal, "zstd: {}", ZSTD_getErrorName(code));
    }
  }
  Bytes stored(ZSTD_compressBound(plain.size()));
  const size_t size = ZSTD_compress2(context, stored.data(), stored.size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) return fail(ErrorCode::internal, "zstd: {}", ZSTD_getErrorName(size));
  stored.resize(size);
  return stored;
}

Result<void> zstd_decompress(ByteView stored, std::span<std::byte> plain) {
  const unsigned long long claimed = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR) return fail(ErrorCode::corrupt, "not a zstd frame");
  if (claimed != plain.size()) {
    return fail(ErrorCode::corrupt, "a zstd frame does not state the plain size that was declared, {} bytes",
                plain.size());
  }
  if (const size_t size = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
      ZSTD_isError(size) != 0 || size != stored.size()) {
    return fail(ErrorCode::corrupt, "a zstd frame does not end where it should, after {} bytes", stored.size());
  }
  const Decompressor context(ZSTD_createDCtx());
  if (!context) return fail(ErrorCode::internal, "no memory for a zstd decompressor");
  const size_t size = ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0) return fail(ErrorCode::corrupt, "zstd: {}", ZSTD_getErrorName(size));
  if (size != plain.size())
    return fail(ErrorCode::corrupt, "a zstd frame gives {} bytes, {} were declared", size, plain.size());
  return {};
}

Result<Bytes> zstd_decompress(ByteView stored, size_t plain_size) {
  Bytes plain(plain_size);
  SEALIFT_TRY(zstd_decompress(stored, std::span(plain)));
  return plain;
}

struct ZstdSource::State {
  base::Source* compressed = nullptr;
  Decompressor context;
  Bytes buffer;
  ZSTD_inBuffer input{};
  bool at_frame_end = true;
};

ZstdSource::ZstdSource(base::Source& compressed) : state_(std::make_unique<State>()) {
  state_->compressed = &compressed;
  state_->context.reset(ZSTD_createDCtx());
  state_->buffer.resize(ZSTD_DStreamInSize());
  if (state_->context) ZSTD_DCtx_setParameter(state_->context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
}
ZstdSource::~ZstdSource() = default;

Result<size_t> ZstdSource::read(std::span<std::byte> buffer) {
  State& state = *state_;
  if (!state.context) return fail(ErrorCode::internal, "no memory for a zstd decompressor");
  if (buffer.empty()) return 0U;
  ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
  while (output.pos == 0) {
    bool ended = false;
    if (state.input.pos == state.input.size) {
      SEALIFT_ASSIGN(const size_t count, state.compressed->read(state.buffer));
      state.input = {state.buffer.data(), count, 0};
      ended = count == 0;
      if (ended && state.at_frame_end) return 0U;
    }
    // Without input left, the decoder may still hold decoded bytes: call it again before accepting the end.
    const size_t left = ZSTD_decompressStream(state.context.get(), &output, &state.input);
    if (ZSTD_isError(left) != 0) {
      const bool too_large = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
      return fail(too_large ? ErrorCode::limit_exceeded : ErrorCode::corrupt, "zstd: {}", ZSTD_getErrorName(left));
    }
    state.at_frame_end = left == 0;
    if (ended && output.pos == 0) return fail(ErrorCode::truncated, "the zstd stream ends within a frame");
  }
  return output.pos;
}

}  // namespace sealift::codec
