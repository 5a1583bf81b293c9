// SPDX-License-Identifier: Apache-2.0
#include "payload/base/fd.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>

#include "payload/base/format.h"

namespace sealift::base {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd> open_file(const std::string& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno != EINTR) return fail_errno(errno, "open " + path);
  }
}

Result<Fd> unnamed_file(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (fd >= 0) return Fd(fd);
  // File systems without O_TMPFILE (FAT, NFS, older overlays) report that in several ways, so the
  // second attempt decides.
  std::string path = folder + "/.sealift-spool-XXXXXX";
  const int named = ::mkostemp(path.data(), O_CLOEXEC);
  if (named < 0) return fail_errno(errno, "make a temporary file in " + folder);
  Fd owned(named);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "unlink " + path);
  return owned;
}

Result<std::pair<Fd, Fd>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<size_t> read_some(int fd, std::span<std::byte> buffer) {
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return fail_errno(errno, "read");
  }
}

Result<void> write_all(int fd, ByteView data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "write");
    }
    data = data.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<void> read_exact(int fd, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    SEALIFT_ASSIGN(const size_t count, read_some(fd, buffer));
    if (count == 0) return fail(ErrorCode::truncated, "the stream ended, {} bytes are missing", buffer.size());
    buffer = buffer.subspan(count);
  }
  return {};
}

Result<void> pread_exact(int fd, uint64_t offset, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, base::format("read at offset {}", offset));
    }
    if (count == 0)
      return fail(ErrorCode::truncated, "the file ends at offset {}, {} bytes are missing", offset, buffer.size());
    offset += static_cast<uint64_t>(count);
    buffer = buffer.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<void> pwrite_all(int fd, uint64_t offset, ByteView data) {
  while (!data.empty()) {
    const ssize_t count = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, base::format("write at offset {}", offset));
    }
    offset += static_cast<uint64_t>(count);
    data = data.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<std::unique_ptr<Source>> open_source(const std::string& path) {
  class OpenedFile final : public Source {
   public:
    explicit OpenedFile(Fd fd) : fd_(std::move(fd)) {}
    Result<size_t> read(std::span<std::byte> buffer) override { return read_some(fd_.get(), buffer); }

   private:
    Fd fd_;
  };
  SEALIFT_ASSIGN(auto fd, open_file(path, O_RDONLY));
  return std::make_unique<OpenedFile>(std::move(fd));
}

}  // namespace sealift::base
