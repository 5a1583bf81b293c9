// SPDX-License-Identifier: Apache-2.0
#include "payload/base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "payload/base/text.h"

namespace sealift::base {

std::expected<Fd, int> open_beneath(int folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return Fd(static_cast<int>(fd));
    // EPERM: an old seccomp profile that does not know the call.
    if (errno == ENOSYS || errno == EPERM) return open_by_steps(folder, path, flags);
    // EAGAIN: something was renamed meanwhile, and the kernel can't tell whether that matters.
    if (errno != EINTR && errno != EAGAIN) return std::unexpected(errno);
  }
}

std::expected<Fd, int> open_by_steps(int folder, const std::string& path, int flags) {
  const auto parts = split(path, '/');
  Fd above;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "..") return std::unexpected(EXDEV);
    const bool is_last = i + 1 == parts.size();
    const int how = (is_last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC;
    Fd next(::openat(above ? above.get() : folder, std::string(parts[i]).c_str(), how));
    if (!next) return std::unexpected(errno);
    above = std::move(next);
  }
  // O_PATH alone opens a link itself.
  struct stat status{};
  if (::fstat(above.get(), &status) != 0) return std::unexpected(errno);
  if (S_ISLNK(status.st_mode)) return std::unexpected(ELOOP);
  return above;
}

}  // namespace sealift::base
