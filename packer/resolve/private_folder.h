// SPDX-License-Identifier: Apache-2.0
//
// A folder that only this user can enter, for what a build unpacks; removed at the end with everything in it.
#pragma once

#include <string>
#include <utility>

#include "payload/base/error.h"

namespace sealift::resolve {

class PrivateFolder {
 public:
  static Result<PrivateFolder> make();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();
  const std::string& path() const { return path_; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace sealift::resolve
