// SPDX-License-Identifier: Apache-2.0
//
// Maps a pull's question to an object of the payload: (registry, repository, tag or digest) → what to send. A digest is
// found only under the name of an image that contains it, so that equal paths of different registries stay apart. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "payload/format/contents.h"
#include "runtime/node/question.h"

namespace sealift::node {

struct Found {
  Digest digest;
  uint64_t size = 0;
  std::string media_type;
};

// Tags by "registry/repository".
using Repositories = std::map<std::string, std::set<std::string>>;

class Catalog {
 public:
  explicit Catalog(const format::Contents& contents);
  std::optional<Found> find(const Question& question) const;
  void list(Repositories& out) const;  // adds to it

 private:
  struct Repository {
    std::map<std::string, Found> tags;
    std::map<Digest, Found> manifests, blobs;
  };
  std::map<std::string, Repository> repositories_;  // by "registry/repository"
};

}  // namespace sealift::node
