// SPDX-License-Identifier: Apache-2.0
//
// Which artifacts on this machine were read to their last byte a while ago and found whole, so that a build on one of
// them need not do it again. A note is an empty file whose name is the artifact's device, inode, size and times:
// whatever is written to the artifact changes them. What a disk loses by itself does not, so a note counts for
// kVerifiedDays.
#pragma once

#include <optional>
#include <string>

namespace sealift::store {

inline constexpr int kVerifiedDays = 7;

class Verified {
 public:
  // `store`: the local store's folder; without one nothing is remembered.
  explicit Verified(const std::string& store);

  // Whether the file behind this descriptor, as it is now, has a note.
  bool has(int fd) const;
  // Notes that the file is whole, as it is now, and removes notes that are too old. Without this, only time is lost: so
  // it never fails.
  void note(const std::string& path) const;
  void forget(const std::string& path) const;  // it is damaged

 private:
  std::string folder_;  // empty: none
};

}  // namespace sealift::store
