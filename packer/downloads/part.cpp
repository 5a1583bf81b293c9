// SPDX-License-Identifier: Apache-2.0
#include "packer/downloads/part.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "payload/base/file.h"

namespace sealift::downloads {
namespace {

constexpr size_t kMaxVersion = 1024;

// Whoever finishes a download renames its file: the one that was opened may be no part any more.
bool is_still_at(const base::Fd& fd, const std::string& path) {
  struct stat opened{}, named{};
  return ::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

Result<Part> Part::open(const std::string& folder, const std::string& key) {
  const auto path = folder + "/" + key;
  for (;;) {
    SEALIFT_ASSIGN(auto fd, base::open_file(path, O_RDWR | O_CREAT));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      std::string own = path + ".XXXXXX";
      base::Fd fresh(::mkostemp(own.data(), O_CLOEXEC));
      if (!fresh) return fail_errno(errno, "make a file in " + folder);
      return Part(std::move(fresh), own, true);
    }
    if (!is_still_at(fd, path)) continue;
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "look at " + path);
    Part out(std::move(fd), path, false);
    out.size_ = static_cast<uint64_t>(status.st_size);
    out.version_ = base::read_text_file(out.version_path(), kMaxVersion).value_or("");
    return out;
  }
}

Part::Part(Part&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::move(other.path_)),
      is_own_(std::exchange(other.is_own_, false)),
      size_(other.size_),
      version_(std::move(other.version_)),
      hasher_(other.hasher_) {}

Part::~Part() {
  if (is_own_ || size_ == 0) remove();
}

Result<void> Part::restart(const std::string& version) {
  if (::ftruncate(fd_.get(), 0) != 0) return fail_errno(errno, "empty " + path_);
  size_ = 0;
  hasher_.emplace();
  version_ = version.size() <= kMaxVersion ? version : "";
  if (version_.empty()) {
    ::unlink(version_path().c_str());
    return {};
  }
  return base::write_file_atomic(version_path(), base::as_bytes(version_), 0600);
}

Result<void> Part::append(ByteView data) {
  SEALIFT_TRY(base::pwrite_all(fd_.get(), size_, data));
  size_ += data.size();
  if (hasher_) hasher_->update(data);
  return {};
}

Result<Digest> Part::finish() {
  if (::fsync(fd_.get()) != 0) return fail_errno(errno, "sync " + path_);
  if (hasher_) {
    auto out = hasher_->finish();
    hasher_.reset();
    return out;
  }
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path_));
  return hash::sha256(*file, 0, file->size());
}

void Part::remove() {
  if (!fd_ || path_.empty() || !is_still_at(fd_, path_)) return;
  ::unlink(version_path().c_str());
  ::unlink(path_.c_str());
}

std::string Part::release() {
  ::unlink(version_path().c_str());
  return std::exchange(path_, {});
}

}  // namespace sealift::downloads
