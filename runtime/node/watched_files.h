// SPDX-License-Identifier: Apache-2.0
//
// Notices that files were replaced or written to, by looking. Services see their files through mounts of their own,
// where other programs can't tell them.
#pragma once

#include <string>
#include <vector>

namespace sealift::node {

class WatchedFiles {
 public:
  explicit WatchedFiles(std::vector<std::string> paths) : paths_(std::move(paths)), seen_(look()) {}
  // Since the last call, or since it was made.
  bool changed();

 private:
  std::vector<std::string> look() const;
  std::vector<std::string> paths_, seen_;  // in the same order: path, and what tells its versions apart
};

}  // namespace sealift::node
