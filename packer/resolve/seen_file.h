// SPDX-License-Identifier: Apache-2.0
//
// A file of the build machine as it was when it was looked at. It is opened again for packing, since nobody can hold a
// hundred thousand descriptors: then it must be the same one, or something would be packed that nobody has looked at.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "payload/base/error.h"
#include "payload/base/fd.h"

namespace sealift::resolve {

class SeenFile {
 public:
  // `place`: its absolute path, without links.
  SeenFile(std::string place, const struct stat& status);

  // From its beginning. `shown`: its path, as people know it. Errors: corrupt if another file is there or this one has
  // changed, also while it is read; permission_denied, io. All name the file.
  Result<std::unique_ptr<base::Source>> open(const std::string& shown) const;

 private:
  class Reading;
  struct Identity {
    uint64_t device, inode, size;
    int64_t modified_seconds, modified_nanoseconds, changed_seconds, changed_nanoseconds;
    bool operator==(const Identity&) const = default;
  };
  static Identity identity(const struct stat& status);
  Result<void> check(int fd, const std::string& shown) const;

  std::string place_;
  Identity identity_;
};

}  // namespace sealift::resolve
