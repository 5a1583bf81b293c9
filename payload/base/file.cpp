// SPDX-License-Identifier: Apache-2.0
#include "payload/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "payload/base/checked.h"
#include "payload/base/format.h"

namespace sealift::base {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> check_range(FileOffset offset, size_t count, ByteCount size) {
  if (range_within(offset, count, size)) return {};
  return fail(ErrorCode::truncated, "{} bytes at offset {} lie beyond the end at {}", count, offset, size);
}

}  // namespace

Result<std::unique_ptr<OpenFile>> OpenFile::open(const std::string& path) {
  SEALIFT_ASSIGN(auto fd, open_file(path, O_RDONLY | O_NONBLOCK));  // a pipe would wait for its writer
  return adopt(std::move(fd), path);
}

Result<std::unique_ptr<OpenFile>> OpenFile::adopt(Fd fd, std::string path) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "stat " + path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::io, "{} is not a regular file", path);
  const auto size = static_cast<ByteCount>(status.st_size);
  return std::unique_ptr<OpenFile>(new OpenFile(std::move(fd), std::move(path), size));
}

Result<void> OpenFile::read_at(FileOffset offset, std::span<std::byte> buffer) const {
  if (auto ok = check_range(offset, buffer.size(), size_); !ok)
    return fail_while(std::move(ok).error(), "reading " + path_);
  if (auto ok = pread_exact(fd_.get(), offset, buffer); !ok)
    return fail_while(std::move(ok).error(), "reading " + path_);
  return {};
}

Result<FileView> FileView::make(const RandomAccessFile& whole, FileOffset offset, ByteCount size) {
  if (!range_within(offset, size, whole.size())) {
    return fail(ErrorCode::truncated, "{} bytes at offset {} lie beyond the end at {}", size, offset, whole.size());
  }
  return FileView(whole, offset, size);
}

Result<void> FileView::read_at(FileOffset offset, std::span<std::byte> buffer) const {
  SEALIFT_TRY(check_range(offset, buffer.size(), size_));
  return whole_->read_at(offset_ + offset, buffer);
}

Result<void> MemoryFile::read_at(FileOffset offset, std::span<std::byte> buffer) const {
  SEALIFT_TRY(check_range(offset, buffer.size(), data_.size()));
  std::ranges::copy(ByteView(data_).subspan(offset, buffer.size()), buffer.begin());
  return {};
}

Result<size_t> FileSource::read(std::span<std::byte> buffer) {
  const size_t size = std::min<uint64_t>(buffer.size(), file_->size() - offset_);
  SEALIFT_TRY(file_->read_at(offset_, buffer.first(size)));
  offset_ += size;
  return size;
}

Result<Bytes> read_file(const std::string& path, size_t limit) {
  SEALIFT_ASSIGN(auto fd, open_file(path, O_RDONLY));
  FdSource source(fd.get());
  auto data = read_all(source, limit);
  if (!data) return fail_while(std::move(data).error(), "reading " + path);
  return data;
}

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  return read_file(path, limit).transform([](const Bytes& data) { return std::string(as_text(data)); });
}

Result<void> write_file_atomic(const std::string& path, ByteView data, unsigned mode) {
  // The predictable name is harmless: O_EXCL rejects a planted file, and the folder belongs to the caller.
  const std::string temporary = base::format("{}.tmp.{}", path, ::getpid());
  ::unlink(temporary.c_str());
  SEALIFT_ASSIGN(auto fd, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto written = write_all(fd.get(), data);
  if (written && ::fchmod(fd.get(), mode) != 0) written = fail_errno(errno, "chmod " + temporary);
  if (written && ::fsync(fd.get()) != 0) written = fail_errno(errno, "sync " + temporary);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = fail_errno(errno, "rename to " + path);
  if (!written) {
    ::unlink(temporary.c_str());
    return fail_while(std::move(written).error(), "writing " + path);
  }
  return sync_directory(parent_of(path));
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) == 0 || errno == EEXIST) continue;
    return fail_errno(errno, "make folder " + part);
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(errno, "stat " + path);
  if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::already_exists, "{} exists and is not a folder", path);
  return {};
}

Result<void> sync_directory(const std::string& path) {
  SEALIFT_ASSIGN(auto fd, open_file(path, O_RDONLY | O_DIRECTORY));
  // Some file systems (and FUSE) return EINVAL for folders: nothing more can be done then.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return fail_errno(errno, "sync " + path);
  return {};
}

}  // namespace sealift::base
