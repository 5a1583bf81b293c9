// SPDX-License-Identifier: Apache-2.0
//
// Where bytes wait until it is known at which place of the payload they belong. A file without a name: nothing is left
// of it when the program ends, however it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/fd.h"

namespace sealift::writer {

// Any thread.
class Spool {
 public:
  static Result<Spool> create(const std::string& folder);
  Spool(Spool&& other) noexcept : fd_(std::move(other.fd_)), end_(other.end_.load()) {}

  Result<uint64_t> append(ByteView data);  // its offset
  Result<void> read(uint64_t offset, std::span<std::byte> buffer) const;
  // Gives disk space back, where the file system can.
  void forget(uint64_t offset, uint64_t size) const;
  int fd() const { return fd_.get(); }

 private:
  explicit Spool(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
  std::atomic<uint64_t> end_{0};
};

}  // namespace sealift::writer
