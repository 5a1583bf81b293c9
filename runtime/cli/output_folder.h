// SPDX-License-Identifier: Apache-2.0
//
// A folder for files from an artifact: whatever links it contains, nothing is written outside it. A file gets its name
// only once all its bytes have been checked.
#pragma once

#include <functional>
#include <string>

#include "payload/base/fd.h"
#include "payload/base/stream.h"

namespace sealift::cli {

enum class Overwrite { refuse, allow };

class OutputFolder {
 public:
  // Made with its parents if absent.
  static Result<OutputFolder> open(const std::string& path);

  // `name` is a safe relative path; its folders are made (0755). `fill` writes the content; if it fails nothing is
  // left. Errors: already_exists, invalid_input (an unsafe name, or one that this class needs itself),
  // permission_denied if a link or file is in the way.
  Result<void> write(const std::string& name, unsigned mode, Overwrite overwrite,
                     const std::function<Result<void>(base::Sink&)>& fill);
  // Whether so many bytes are free there; `no_space` if not.
  Result<void> has_room(uint64_t bytes) const;
  const std::string& path() const { return path_; }

 private:
  OutputFolder(base::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<base::Fd> folder_of(const std::string& name) const;

  base::Fd fd_;
  std::string path_;
};

}  // namespace sealift::cli
