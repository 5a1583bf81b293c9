// SPDX-License-Identifier: Apache-2.0
#include "payload/base/private_folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "payload/base/format.h"

namespace sealift::base {
namespace {

constexpr std::string_view kPrefix = "sealift-private-";
constexpr const char* kLock = "/.lock";

// Our own folders with a lock that nobody holds. One without a lock may just be coming into being.
void remove_leftovers(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string path = entry.path();
    struct stat status{};
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) continue;
    const Fd lock(::open((path + kLock).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
}

// Locked before it gets the name by which others judge. File systems without locks leave the folder without one.
Fd lock_in(const std::string& folder) {
  const std::string made = folder + "/.new";
  Fd out(::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.get() < 0) return out;
  if (::flock(out.get(), LOCK_EX | LOCK_NB) != 0 || ::rename(made.c_str(), (folder + kLock).c_str()) != 0)
    ::unlink(made.c_str());
  return out;
}

}  // namespace

Result<PrivateFolder> PrivateFolder::make() {
  const char* named = ::getenv("TMPDIR");
  return make_below(named == nullptr || *named == '\0' ? "/tmp" : named);
}

Result<PrivateFolder> PrivateFolder::make_on_disk() {
  const char* named = ::getenv("TMPDIR");
  return make_below(named == nullptr || *named == '\0' ? "/var/tmp" : named);
}

Result<PrivateFolder> PrivateFolder::make_in_memory() {
  constexpr const char* kMemory = "/dev/shm";
  struct statfs system{};
  const bool usable =
      ::statfs(kMemory, &system) == 0 && system.f_type == TMPFS_MAGIC && ::access(kMemory, W_OK | X_OK) == 0;
  return usable ? make_below(kMemory) : make();
}

Result<PrivateFolder> PrivateFolder::make_below(const std::string& folder) {
  remove_leftovers(folder);
  std::string path = base::format("{}/{}XXXXXX", folder, kPrefix);
  if (::mkdtemp(path.data()) == nullptr)
    return fail_errno(errno,
                      base::format("no temporary folder can be made in {}; name another place with TMPDIR", folder));
  auto lock = lock_in(path);
  return PrivateFolder(std::move(path), std::move(lock));
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sealift::base
