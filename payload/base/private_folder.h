// SPDX-License-Identifier: Apache-2.0
//
// A folder that only this user can enter; removed at the end with everything in it.
#pragma once

#include <string>
#include <utility>

#include "payload/base/error.h"

namespace sealift::base {

class PrivateFolder {
 public:
  // Below $TMPDIR.
  static Result<PrivateFolder> make();
  // In memory, where this machine has such a place (/dev/shm); else as above. For what must not reach a disk.
  static Result<PrivateFolder> make_in_memory();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();
  const std::string& path() const { return path_; }

 private:
  static Result<PrivateFolder> make_below(const std::string& folder);
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace sealift::base
