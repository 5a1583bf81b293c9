// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/watched_files.h"

#include <sys/stat.h>

#include <utility>

#include "payload/base/format.h"

namespace sealift::node {

std::vector<std::string> WatchedFiles::look() const {
  std::vector<std::string> out;
  for (const auto& path : paths_) {
    struct stat status{};
    const bool there = ::stat(path.c_str(), &status) == 0;
    out.push_back(there ? base::format("{} {} {} {}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                                       status.st_mtim.tv_nsec)
                        : std::string());
  }
  return out;
}

bool WatchedFiles::changed() {
  auto now = look();
  const bool out = now != seen_;
  seen_ = std::move(now);
  return out;
}

}  // namespace sealift::node
