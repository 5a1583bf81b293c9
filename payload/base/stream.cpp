// SPDX-License-Identifier: Apache-2.0
#include "payload/base/stream.h"

#include <algorithm>

namespace sealift::base {

Result<size_t> MemorySource::read(std::span<std::byte> buffer) {
  const size_t count = std::min(buffer.size(), data_.size());
  std::ranges::copy(data_.first(count), buffer.begin());
  data_ = data_.subspan(count);
  return count;
}

Result<void> MemorySink::write(ByteView data) {
  if (data.size() > limit_ - data_.size()) {
    return fail(ErrorCode::limit_exceeded, "more than {} bytes", limit_);
  }
  data_.insert(data_.end(), data.begin(), data.end());
  return {};
}

Result<size_t> read_full(Source& from, std::span<std::byte> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    SEALIFT_ASSIGN(const size_t count, from.read(buffer.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

Result<uint64_t> copy(Source& from, Sink& to) {
  Bytes buffer(size_t{256} << 10);
  uint64_t total = 0;
  for (;;) {
    SEALIFT_ASSIGN(const size_t count, from.read(buffer));
    if (count == 0) return total;
    SEALIFT_TRY(to.write(ByteView(buffer).first(count)));
    total += count;
  }
}

Result<Bytes> read_all(Source& from, size_t limit) {
  MemorySink sink(limit);
  SEALIFT_TRY(copy(from, sink));
  return sink.take();
}

}  // namespace sealift::base
