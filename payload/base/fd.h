// SPDX-License-Identifier: Apache-2.0
//
// An owned file descriptor, and the few loops around read(2) and write(2) that are easy to get wrong.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "payload/base/bytes.h"
#include "payload/base/stream.h"

namespace sealift::base {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; the error names the path.
Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0600);
// A new file without a name in this folder; mode 0600. Nothing is left of it when the program ends, however it ends.
Result<Fd> unnamed_file(const std::string& folder);
// {read, write}, both O_CLOEXEC.
Result<std::pair<Fd, Fd>> make_pipe();

Result<size_t> read_some(int fd, std::span<std::byte> buffer);  // 0 = end; retries on EINTR
Result<void> write_all(int fd, ByteView data);
// Fills the buffer or fails: `truncated` at an early end.
Result<void> read_exact(int fd, std::span<std::byte> buffer);
Result<void> pread_exact(int fd, uint64_t offset, std::span<std::byte> buffer);
Result<void> pwrite_all(int fd, uint64_t offset, ByteView data);

class FdSource final : public Source {
 public:
  explicit FdSource(int fd) : fd_(fd) {}  // not owned
  Result<size_t> read(std::span<std::byte> buffer) override { return read_some(fd_, buffer); }

 private:
  int fd_;
};

// A file's bytes from the beginning.
Result<std::unique_ptr<Source>> open_source(const std::string& path);

class FdSink final : public Sink {
 public:
  explicit FdSink(int fd) : fd_(fd) {}  // not owned
  Result<void> write(ByteView data) override { return write_all(fd_, data); }

 private:
  int fd_;
};

}  // namespace sealift::base
