// SPDX-License-Identifier: Apache-2.0
#include "payload/base/private_folder.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

namespace sealift::base {

Result<PrivateFolder> PrivateFolder::make() { return make_below(std::filesystem::temp_directory_path().string()); }

Result<PrivateFolder> PrivateFolder::make_in_memory() {
  constexpr const char* kMemory = "/dev/shm";
  struct statfs system{};
  const bool usable =
      ::statfs(kMemory, &system) == 0 && system.f_type == TMPFS_MAGIC && ::access(kMemory, W_OK | X_OK) == 0;
  return usable ? make_below(kMemory) : make();
}

Result<PrivateFolder> PrivateFolder::make_below(const std::string& folder) {
  std::string path = folder + "/sealift-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail_errno(errno, "make a temporary folder");
  return PrivateFolder(std::move(path));
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sealift::base
