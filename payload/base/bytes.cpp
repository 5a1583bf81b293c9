// SPDX-License-Identifier: Apache-2.0
#include "payload/base/bytes.h"

#include <cstring>

namespace sealift::base {
namespace {

template <class T>
T load_little_endian(ByteView data) {
  T value{};
  for (size_t i = sizeof(T); i-- > 0;)
    value = static_cast<T>((uint64_t{value} << 8) | std::to_integer<uint8_t>(data[i]));
  return value;
}

template <class T>
void store_little_endian(Bytes& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>((uint64_t{value} >> (8 * i)) & 0xff));
}

}  // namespace

ByteView as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT(*-reinterpret-cast): bytes are chars
}
Bytes to_bytes(std::string_view text) {
  auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

Result<ByteView> ByteReader::bytes(size_t count) {
  if (count > left()) {
    return fail(ErrorCode::truncated, "{} bytes wanted at offset {}, {} left", count, position_, left());
  }
  auto out = data_.subspan(position_, count);
  position_ += count;
  return out;
}

Result<uint8_t> ByteReader::u8() { return bytes(1).transform(load_little_endian<uint8_t>); }
Result<uint16_t> ByteReader::u16() { return bytes(2).transform(load_little_endian<uint16_t>); }
Result<uint32_t> ByteReader::u32() { return bytes(4).transform(load_little_endian<uint32_t>); }
Result<uint64_t> ByteReader::u64() { return bytes(8).transform(load_little_endian<uint64_t>); }

Result<std::string_view> ByteReader::text(size_t limit) {
  SEALIFT_ASSIGN(const uint32_t length, u32());
  if (length > limit)
    return fail(ErrorCode::limit_exceeded, "a text of {} bytes, at most {} are allowed", length, limit);
  return bytes(length).transform(as_text);
}

Result<ByteReader> ByteReader::sub(size_t count) {
  return bytes(count).transform([](ByteView view) { return ByteReader(view); });
}

Result<void> ByteReader::expect_end() const {
  if (left() != 0) return fail(ErrorCode::corrupt, "{} bytes too many at offset {}", left(), position_);
  return {};
}

void ByteWriter::u8(uint8_t value) { store_little_endian(data_, value); }
void ByteWriter::u16(uint16_t value) { store_little_endian(data_, value); }
void ByteWriter::u32(uint32_t value) { store_little_endian(data_, value); }
void ByteWriter::u64(uint64_t value) { store_little_endian(data_, value); }
void ByteWriter::bytes(ByteView value) { data_.insert(data_.end(), value.begin(), value.end()); }
void ByteWriter::text(std::string_view value) {
  u32(static_cast<uint32_t>(value.size()));
  bytes(as_bytes(value));
}
void ByteWriter::zeros(size_t count) { data_.resize(data_.size() + count); }

}  // namespace sealift::base
