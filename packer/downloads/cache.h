// SPDX-License-Identifier: Apache-2.0
//
// Files on this machine by their digest: what was downloaded once is not downloaded again. Each is compared with its
// digest whenever it is taken, so a damaged one counts as none. Whoever needs room may delete the folder at any time
// between builds.
#pragma once

#include <optional>
#include <string>

#include "payload/hash/digest.h"

namespace sealift::downloads {

// $SEALIFT_CACHE, else $XDG_CACHE_HOME/sealift, else ~/.cache/sealift, with "/downloads". Empty if the environment
// names none of them.
std::string default_folder();

struct CachedFile {
  std::string path;
  Digest digest;
  uint64_t size = 0;  // bytes
};

// Any thread, any number of processes.
class Cache {
 public:
  // The folder is made when something is stored.
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}

  std::optional<CachedFile> find(const Digest& digest) const;
  Result<CachedFile> add(ByteView data) const;
  // Takes over the whole, synced file at `path`, which must lie in parts(). `digest` must be its digest.
  Result<CachedFile> adopt(const std::string& path, const Digest& digest, uint64_t size) const;
  // A folder for what is not whole yet. Errors: usage if there is no place for a cache, io …
  Result<std::string> parts() const;

 private:
  Result<std::string> make(const std::string& name) const;
  std::string path_of(const Digest& digest) const { return folder_ + "/sha256/" + digest.hex(); }

  std::string folder_;
};

}  // namespace sealift::downloads
