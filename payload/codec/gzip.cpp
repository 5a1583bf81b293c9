// SPDX-License-Identifier: Apache-2.0
#include "payload/codec/gzip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sealift::codec {
namespace {

constexpr size_t kInputBytes = size_t{64} << 10;
constexpr std::array kMagic{std::byte{0x1f}, std::byte{0x8b}};

ByteView input_of(const inflate_state& stream) {
  return {reinterpret_cast<const std::byte*>(stream.next_in), stream.avail_in};
}

}  // namespace

struct GzipSource::State {
  base::Source* compressed = nullptr;
  Bytes buffer;
  bool is_within = true;  // a member has begun and not ended
  inflate_state stream{};
};

GzipSource::GzipSource(base::Source& compressed) : state_(std::make_unique<State>()) {
  state_->compressed = &compressed;
  state_->buffer.resize(kInputBytes);
  isal_inflate_init(&state_->stream);
  state_->stream.crc_flag = ISAL_GZIP;
}
GzipSource::~GzipSource() = default;

// Appends to what is left of the input; false at the end of the compressed source.
Result<bool> GzipSource::refill() {
  auto& stream = state_->stream;
  std::ranges::copy(input_of(stream), state_->buffer.begin());
  SEALIFT_ASSIGN(const size_t count, state_->compressed->read(std::span(state_->buffer).subspan(stream.avail_in)));
  stream.next_in = reinterpret_cast<uint8_t*>(state_->buffer.data());
  stream.avail_in += static_cast<uint32_t>(count);
  return count != 0;
}

// Whether a further member follows.
Result<bool> GzipSource::next_member() {
  auto& stream = state_->stream;
  while (stream.avail_in < kMagic.size()) {
    SEALIFT_ASSIGN(const bool has_more, refill());
    if (!has_more) return false;
  }
  if (!std::ranges::equal(input_of(stream).first(kMagic.size()), kMagic)) return false;
  isal_inflate_reset(&stream);
  return true;
}

Result<size_t> GzipSource::read(std::span<std::byte> buffer) {
  State& state = *state_;
  auto& stream = state.stream;
  stream.next_out = reinterpret_cast<uint8_t*>(buffer.data());
  const auto room = static_cast<uint32_t>(std::min<size_t>(buffer.size(), std::numeric_limits<uint32_t>::max()));
  stream.avail_out = room;
  while (stream.avail_out == room && room != 0 && state.is_within) {
    bool has_more = true;
    if (stream.avail_in == 0) {
      SEALIFT_ASSIGN(has_more, refill());
    }
    // Without input left, it may still hold decompressed bytes: it is called once more before the end is accepted.
    if (isal_inflate(&stream) != ISAL_DECOMP_OK) return fail(ErrorCode::corrupt, "the gzip stream is damaged");
    if (stream.block_state == ISAL_BLOCK_FINISH) {
      SEALIFT_ASSIGN(state.is_within, next_member());
    } else if (!has_more && stream.avail_out == room) {
      return fail(ErrorCode::truncated, "the gzip stream ends within a member");
    }
  }
  return room - stream.avail_out;
}

}  // namespace sealift::codec
