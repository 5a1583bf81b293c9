// SPDX-License-Identifier: Apache-2.0
//
// Byte streams across library boundaries, pulled and pushed. Implementations state their threading; by default an
// object is used by one thread at a time.
#pragma once

#include <functional>
#include <span>

#include "payload/base/bytes.h"
#include "payload/base/error.h"

namespace sealift::base {

class Source {
 public:
  virtual ~Source() = default;
  // Fills the front of `buffer`; 0 = end. May return less than requested.
  virtual Result<size_t> read(std::span<std::byte> buffer) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Accepts all of `data` or fails.
  virtual Result<void> write(ByteView data) = 0;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(ByteView data) : data_(data) {}  // not owned
  Result<size_t> read(std::span<std::byte> buffer) override;

 private:
  ByteView data_;
};

class MemorySink final : public Sink {
 public:
  explicit MemorySink(size_t limit) : limit_(limit) {}
  Result<void> write(ByteView data) override;  // limit_exceeded beyond the limit
  const Bytes& data() const { return data_; }
  Bytes take() { return std::move(data_); }

 private:
  size_t limit_;
  Bytes data_;
};

// A sink that calls a function.
class FunctionSink final : public Sink {
 public:
  explicit FunctionSink(std::function<Result<void>(ByteView)> function) : function_(std::move(function)) {}
  Result<void> write(ByteView data) override { return function_(data); }

 private:
  std::function<Result<void>(ByteView)> function_;
};

// Fills the buffer unless the source ends first; returns how much came.
Result<size_t> read_full(Source& from, std::span<std::byte> buffer);
// Moves everything; returns the number of bytes.
Result<uint64_t> copy(Source& from, Sink& to);
// Reads to the end; more than `limit` bytes is limit_exceeded.
Result<Bytes> read_all(Source& from, size_t limit);

}  // namespace sealift::base
