// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/output_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::writer {
namespace {

constexpr uint64_t kBlock = 4096;  // file systems can share extents if both offsets agree modulo this
constexpr uint64_t kBufferSize = uint64_t{1} << 20;

std::string hidden_name(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  return base::format("{}/.{}.{}.tmp", folder_of(path), file, ::getpid());
}

Result<void> copy_by_hand(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size) {
  Bytes buffer(static_cast<size_t>(std::min(size, kBufferSize)));
  while (size != 0) {
    const auto part = std::span(buffer).first(static_cast<size_t>(std::min(size, kBufferSize)));
    SEALIFT_TRY(base::pread_exact(from, from_offset, part));
    SEALIFT_TRY(base::pwrite_all(to, to_offset, part));
    from_offset += part.size();
    to_offset += part.size();
    size -= part.size();
  }
  return {};
}

// Returns how many bytes copy_file_range copied before it declined; copy_range's own loop copies the rest.
uint64_t copy_in_kernel(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    auto in = static_cast<off_t>(from_offset + done);
    auto out = static_cast<off_t>(to_offset + done);
    uint64_t count = size - done;
    // An unaligned beginning is copied separately, so that the rest can be shared.
    const uint64_t ahead = (kBlock - (from_offset + done) % kBlock) % kBlock;
    if (ahead != 0 && ahead < count && (to_offset + done) % kBlock == (from_offset + done) % kBlock) count = ahead;
    const ssize_t copied =
        ::copy_file_range(from, &in, to, &out, static_cast<size_t>(std::min(count, uint64_t{1} << 30)), 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) break;  // EXDEV, ENOSYS, EINVAL…, or the end of the source: copy_range's own loop reports it
    done += static_cast<uint64_t>(copied);
  }
  return done;
}

// A device or pipe would be replaced at the end, not written to. (A folder causes an error anyway.)
Result<void> check_replaceable(const std::string& path) {
  struct stat there{};
  if (::stat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode) || S_ISDIR(there.st_mode)) return {};
  return fail(ErrorCode::already_exists, "{} is there and is no ordinary file; name another one",
              base::printable(path));
}

}  // namespace

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<OutputFile> OutputFile::create(const std::string& path, Unfinished unfinished) {
  SEALIFT_TRY(check_replaceable(path));
  const std::string folder = folder_of(path);
  // An unnamed file gets its name later through /proc.
  if (unfinished == Unfinished::unnamed && ::access("/proc/self/fd", X_OK) == 0) {
    const int fd = ::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0) return OutputFile(base::Fd(fd), path, {});
  }
  const std::string temporary = hidden_name(path);
  ::unlink(temporary.c_str());  // left by an earlier process with our PID
  SEALIFT_ASSIGN(auto fd, base::open_file(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return OutputFile(std::move(fd), path, temporary);
}

Result<OutputFile> OutputFile::adopt(base::Fd fd, const std::string& path, const std::string& kept) {
  SEALIFT_TRY(check_replaceable(path));
  OutputFile out(std::move(fd), path, kept);
  out.is_kept_ = true;
  return out;
}

OutputFile::~OutputFile() {
  if (!temporary_.empty() && !is_kept_) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::commit(unsigned mode) {
  if (::fchmod(fd_.get(), mode) != 0 && errno != EPERM)
    return fail_errno(errno, "chmod " + path_);  // FAT has no modes: EPERM
  if (::fsync(fd_.get()) != 0) return fail_errno(errno, "sync " + path_);
  SEALIFT_TRY(show(path_));
  temporary_.clear();
  return base::sync_directory(folder_of(path_));
}

Result<void> OutputFile::keep_as(const std::string& name) {
  SEALIFT_TRY(show(name));
  temporary_ = name;
  is_kept_ = true;
  return {};
}

Result<void> OutputFile::show(const std::string& name) {
  if (temporary_.empty()) {
    const std::string hidden = hidden_name(path_);
    const std::string self = base::format("/proc/self/fd/{}", fd_.get());
    ::unlink(hidden.c_str());
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, hidden.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return fail_errno(errno, "link " + hidden);
    temporary_ = hidden;
  }
  if (::rename(temporary_.c_str(), name.c_str()) != 0) return fail_errno(errno, "rename to " + name);
  return {};
}

Result<std::unique_ptr<base::OpenFile>> open_again(int fd, const std::string& path) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail_errno(errno, "duplicate a descriptor");
  return base::OpenFile::adopt(base::Fd(copy), path);
}

Result<std::optional<SharedPart>> share_range(const base::RandomAccessFile& file, uint64_t offset, int to,
                                              uint64_t to_offset, uint64_t size) {
  const int from = file.fd();
  const uint64_t from_offset = file.fd_offset() + offset;
  const uint64_t ahead = (kBlock - from_offset % kBlock) % kBlock;
  if (from < 0 || from_offset % kBlock != to_offset % kBlock || size < ahead + kBlock) return std::nullopt;
  const uint64_t shared = (size - ahead) / kBlock * kBlock;
  const file_clone_range range{
      .src_fd = from, .src_offset = from_offset + ahead, .src_length = shared, .dest_offset = to_offset + ahead};
  if (::ioctl(to, FICLONERANGE, &range) != 0) return std::nullopt;
  SEALIFT_TRY(copy_by_hand(from, from_offset, to, to_offset, ahead));
  const uint64_t done = ahead + shared;
  SEALIFT_TRY(copy_by_hand(from, from_offset + done, to, to_offset + done, size - done));
  return SharedPart{ahead, done};
}

Result<void> copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size) {
  const uint64_t done = copy_in_kernel(from, from_offset, to, to_offset, size);
  return copy_by_hand(from, from_offset + done, to, to_offset + done, size - done);
}

Result<void> copy_range(const base::RandomAccessFile& from, uint64_t from_offset, int to, uint64_t to_offset,
                        uint64_t size) {
  if (from.fd() >= 0) return copy_range(from.fd(), from.fd_offset() + from_offset, to, to_offset, size);
  Bytes buffer(static_cast<size_t>(std::min(size, kBufferSize)));
  while (size != 0) {
    const auto part = std::span(buffer).first(static_cast<size_t>(std::min(size, kBufferSize)));
    SEALIFT_TRY(from.read_at(from_offset, part));
    SEALIFT_TRY(base::pwrite_all(to, to_offset, part));
    from_offset += part.size();
    to_offset += part.size();
    size -= part.size();
  }
  return {};
}

}  // namespace sealift::writer
