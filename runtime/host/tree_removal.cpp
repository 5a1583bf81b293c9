// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/tree_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::host {
namespace {

// Deeper folders are moved up first: a tree may be deeper than there are descriptors, or room on the stack.
constexpr int kDeepest = 64;
constexpr int kMostPasses = 20;  // over a folder in which somebody writes

// Two mounts may be of the same file system.
struct MountId {
  dev_t device = 0;
  std::string mount;  // of /proc; empty on kernels that do not tell
  bool operator==(const MountId&) const = default;
};

Result<MountId> mount_of(int folder, const std::string& path) {
  struct stat status{};
  if (::fstat(folder, &status) != 0) return fail_errno(errno, "stat " + path);
  MountId out{status.st_dev, {}};
  // "pos:\t0\nflags:\t…\nmnt_id:\t29\n…"
  const base::Fd file(::open(base::format("/proc/self/fdinfo/{}", folder).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> about{};
  const ssize_t size = file ? ::read(file.get(), about.data(), about.size()) : 0;
  for (const auto line :
       base::split(std::string_view(about.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))), '\n')) {
    if (line.starts_with("mnt_id:")) out.mount = base::trim(line.substr(7));
  }
  return out;
}

std::unexpected<Error> is_mounted(const std::string& path) {
  return fail(ErrorCode::busy, "a file system is mounted at {}: it stays, with what is in it", path);
}

class Removal {
 public:
  Result<void> run(const Place& place, const std::string& path) {
    return remove(place.folder.get(), place.name, path, 0);
  }

 private:
  Result<void> remove(int folder, const std::string& name, const std::string& path, int depth) {
    if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    const int error = errno;
    if (error == EBUSY) return is_mounted(path);
    struct stat status{};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Result<void>{} : fail_errno(errno, "stat " + path);
    if (!S_ISDIR(status.st_mode)) return fail_errno(error, "remove " + path);
    if (depth == kDeepest) return move_up(folder, name, path);
    SEALIFT_TRY(empty(folder, name, path, depth));
    if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno == EBUSY) return depth == 0 ? Result<void>{} : is_mounted(path);
    if (errno == ENOTEMPTY || errno == EEXIST) return fail(ErrorCode::busy, "somebody keeps writing to {}", path);
    return fail_errno(errno, "remove " + path);
  }

  Result<void> empty(int folder, const std::string& name, const std::string& path, int depth) {
    const base::Fd here(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!here) return fail_errno(errno, "open the folder " + path);
    SEALIFT_ASSIGN(const MountId mount, mount_of(here.get(), path));
    if (depth == 0) {
      mount_ = mount;
      top_ = here.get();
    }
    if (mount != mount_) return is_mounted(path);
    for (int pass = 0; pass < kMostPasses; ++pass) {
      SEALIFT_ASSIGN(const auto names, names_in(here.get(), path));
      if (names.empty()) return {};
      const uint64_t moved_before = moved_;
      Result<void> first;  // what can't be removed keeps nothing else
      for (const auto& entry : names) {
        auto removed = remove(here.get(), entry, path + "/" + entry, depth + 1);
        if (!removed && first) first = std::move(removed);
      }
      SEALIFT_TRY(std::move(first));
      if (moved_ != moved_before) pass = 0;  // there is more to do, and nobody else's doing
    }
    return {};
  }

  Result<void> move_up(int folder, const std::string& name, const std::string& path) {
    struct stat status{};
    std::string free;
    do {
      free = base::format(".sealift-removed-{}", ++moved_);
    } while (::fstatat(top_, free.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0);
    if (::renameat(folder, name.c_str(), top_, free.c_str()) == 0 || errno == ENOENT) return {};
    return errno == EBUSY || errno == EXDEV ? is_mounted(path) : fail_errno(errno, "remove " + path);
  }

  MountId mount_;
  int top_ = -1;
  uint64_t moved_ = 0;
};

}  // namespace

Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
  const int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, decltype(&::closedir)> entries(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
  if (!entries) {
    const int error = errno;
    if (again >= 0) ::close(again);
    return fail_errno(error, "list " + path);
  }
  std::vector<std::string> out;
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail_errno(errno, "list " + path);
  std::ranges::sort(out);
  return out;
}

Result<void> remove_tree(const Place& place, const std::string& path) { return Removal().run(place, path); }

}  // namespace sealift::host
