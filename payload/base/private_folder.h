// SPDX-License-Identifier: Apache-2.0
//
// A folder that only this user can enter; removed at the end with everything in it. If the process is killed, the next
// one that makes such a folder removes it: a lock in the folder tells whether its owner still lives.
#pragma once

#include <string>
#include <utility>

#include "payload/base/error.h"
#include "payload/base/fd.h"

namespace sealift::base {

class PrivateFolder {
 public:
  // Below $TMPDIR, else /tmp. Errors name the folder and $TMPDIR.
  static Result<PrivateFolder> make();
  // Below $TMPDIR, else /var/tmp, which is no memory: for what may be large.
  static Result<PrivateFolder> make_on_disk();
  // In memory, where this machine has such a place (/dev/shm); else as above. For what must not reach a disk.
  static Result<PrivateFolder> make_in_memory();
  PrivateFolder(PrivateFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();
  const std::string& path() const { return path_; }

 private:
  static Result<PrivateFolder> make_below(const std::string& folder);
  PrivateFolder(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;  // ends with the process, however that ends
};

}  // namespace sealift::base
