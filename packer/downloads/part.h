// SPDX-License-Identifier: Apache-2.0
//
// The beginning of a file that is being downloaded. It stays on disk when a download breaks off, with what the server
// calls this version of the file, so that the next attempt, also of another run, goes on there.
#pragma once

#include <optional>
#include <string>

#include "payload/base/fd.h"
#include "payload/hash/digest.h"

namespace sealift::downloads {

class Part {
 public:
  // The part with this key in the folder, locked. While another process has it, a fresh one that goes with this object.
  static Result<Part> open(const std::string& folder, const std::string& key);
  Part(Part&& other) noexcept;
  ~Part();

  uint64_t size() const { return size_; }
  // What If-Range takes: an ETag or a date; empty if the server gave none.
  const std::string& version() const { return version_; }
  // Empties it; what follows is of this version.
  Result<void> restart(const std::string& version);
  Result<void> append(ByteView data);
  // Syncs it and returns its digest.
  Result<Digest> finish();
  void remove();
  // The file is now the caller's, who renames it before this object ends.
  std::string release();

 private:
  Part(base::Fd fd, std::string path, bool is_own) : fd_(std::move(fd)), path_(std::move(path)), is_own_(is_own) {}
  std::string version_path() const { return path_ + ".version"; }

  base::Fd fd_;
  std::string path_;
  bool is_own_ = false;  // nobody else will go on with it
  uint64_t size_ = 0;
  std::string version_;
  // Of the bytes so far; none if they were not all written by this object.
  std::optional<hash::Sha256> hasher_;
};

}  // namespace sealift::downloads
