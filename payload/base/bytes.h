// SPDX-License-Identifier: Apache-2.0
//
// Bytes as values and views, and the two cursors over them: ByteReader, the only way bytes from a disk or a peer are
// parsed, and its counterpart ByteWriter. Little-endian. They know no format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::base {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

ByteView as_bytes(std::string_view text);
std::string_view as_text(ByteView bytes);
Bytes to_bytes(std::string_view text);

// Reads from the front of a view, which it does not own. Every read is bounded: `truncated` if too few bytes are left.
class ByteReader {
 public:
  explicit ByteReader(ByteView data) : data_(data) {}

  Result<uint8_t> u8();
  Result<uint16_t> u16();
  Result<uint32_t> u32();
  Result<uint64_t> u64();
  Result<ByteView> bytes(size_t count);
  // A string preceded by its u32 length, which is at most `limit` bytes; longer is limit_exceeded.
  Result<std::string_view> text(size_t limit);
  Result<ByteReader> sub(size_t count);

  size_t position() const { return position_; }
  size_t left() const { return data_.size() - position_; }
  // `corrupt` if bytes are left over.
  Result<void> expect_end() const;

 private:
  ByteView data_;
  size_t position_ = 0;
};

class ByteWriter {
 public:
  void u8(uint8_t value);
  void u16(uint16_t value);
  void u32(uint32_t value);
  void u64(uint64_t value);
  void bytes(ByteView value);
  void text(std::string_view value);  // u32 length, then the bytes
  void zeros(size_t count);
  size_t size() const { return data_.size(); }
  const Bytes& data() const { return data_; }
  Bytes take() { return std::move(data_); }

 private:
  Bytes data_;
};

}  // namespace sealift::base

namespace sealift {
using base::Bytes;
using base::ByteView;
}  // namespace sealift
