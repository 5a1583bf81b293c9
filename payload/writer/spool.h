// SPDX-License-Identifier: Apache-2.0
//
// Holds bytes until their place in the payload is known. A file without a name: nothing is left of it when the program
// ends, however it ends.
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

  Result<uint64_t> append(ByteView data);  // returns its offset
  Result<void> read(uint64_t offset, std::span<std::byte> buffer) const;
  // Frees the disk space, where the file system supports it.
  void forget(uint64_t offset, uint64_t size) const;
  int fd() const { return fd_.get(); }

 private:
  explicit Spool(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
  std::atomic<uint64_t> end_{0};
};

}  // namespace sealift::writer
