// SPDX-License-Identifier: Apache-2.0
//
// The list of blobs in an unfinished file: which lies where, and how much of it has come. A hint only: bytes count when
// their digest is right, so a list that is torn, old or somebody else's does no harm. One line of fixed width for each
// blob, changed in place: it needs no room on a disk that has become full.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "payload/base/fd.h"
#include "payload/hash/digest.h"

namespace sealift::writer {

// Of one blob; in bytes, offsets in the file.
struct Remains {
  uint64_t offset = 0, size = 0, received = 0;
  bool operator==(const Remains&) const = default;
};

class Journal {
 public:
  struct Text {
    uint64_t process = 0;  // who wrote it
    std::map<Digest, Remains> blobs;
  };
  // nullopt if the file can't be read or is no journal; lines that make no sense are left out.
  static std::optional<Text> read(const std::string& path);
  // Replaces the file. It names this process.
  static Result<Journal> create(const std::string& path, const std::map<Digest, Remains>& blobs);

  // Of a blob that was there at create(): how much has come. A line that can't be written stays as it was. Any thread.
  void note(const Digest& digest, uint64_t received) const;

 private:
  Journal(base::Fd fd, std::map<Digest, uint64_t> lines) : fd_(std::move(fd)), lines_(std::move(lines)) {}
  base::Fd fd_;
  std::map<Digest, uint64_t> lines_;  // where each number begins
};

}  // namespace sealift::writer
