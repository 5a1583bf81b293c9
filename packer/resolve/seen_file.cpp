// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/seen_file.h"

#include <fcntl.h>

#include <cerrno>

#include "payload/base/beneath.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

std::unexpected<Error> changed(const std::string& shown) {
  return fail(ErrorCode::corrupt, "{} changed while it was packed; build again once nothing writes there",
              base::printable(shown, 1'000));
}

}  // namespace

// What was written while the file was read has changed it, too.
class SeenFile::Reading final : public base::Source {
 public:
  Reading(const SeenFile& file, base::Fd fd, std::string shown)
      : file_(file), fd_(std::move(fd)), shown_(std::move(shown)) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    SEALIFT_ASSIGN(const size_t count, base::read_some(fd_.get(), buffer));
    if (count == 0) SEALIFT_TRY(file_.check(fd_.get(), shown_));
    return count;
  }

 private:
  SeenFile file_;
  base::Fd fd_;
  std::string shown_;
};

SeenFile::SeenFile(std::string place, const struct stat& status)
    : place_(std::move(place)), identity_(identity(status)) {}

Result<std::unique_ptr<base::Source>> SeenFile::open(const std::string& shown) const {
  SEALIFT_ASSIGN(const auto root, base::open_file("/", O_PATH | O_DIRECTORY));
  // What is there by now may be a pipe without a writer, or a terminal.
  auto fd = base::open_beneath(root.get(), place_.substr(1), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    const int error = fd.error();
    const bool is_elsewhere = error == ELOOP || error == ENOTDIR || error == EXDEV || error == ENOENT || error == ENXIO;
    return is_elsewhere ? changed(shown) : fail_errno(error, "open " + base::printable(shown, 1'000));
  }
  SEALIFT_TRY(check(fd->get(), shown));
  return std::make_unique<Reading>(*this, std::move(*fd), shown);
}

Result<void> SeenFile::check(int fd, const std::string& shown) const {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "look at " + base::printable(shown, 1'000));
  return identity(status) == identity_ ? Result<void>() : changed(shown);
}

// The time of change tells what the others hide: it can't be set back.
SeenFile::Identity SeenFile::identity(const struct stat& status) {
  return {status.st_dev,         status.st_ino,          static_cast<uint64_t>(status.st_size),
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

}  // namespace sealift::resolve
