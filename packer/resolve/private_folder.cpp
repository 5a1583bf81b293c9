// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/private_folder.h"

#include <stdlib.h>

#include <filesystem>

namespace sealift::resolve {

Result<PrivateFolder> PrivateFolder::make() {
  std::string path = std::filesystem::temp_directory_path().string() + "/sealift-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail_errno(errno, "make a temporary folder");
  return PrivateFolder(std::move(path));
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sealift::resolve
