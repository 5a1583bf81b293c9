// SPDX-License-Identifier: Apache-2.0
//
// From a pull's question to an object of the payload: (registry, repository, tag or digest) → what to send. A digest
// is found only under a name whose image holds it, so that equal paths of different registries stay apart. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "payload/format/contents.h"

namespace sealift::node {

struct Question {
  std::string registry;    // from `ns`
  std::string repository;  // of the path
  enum class Kind { manifest, blob } kind = Kind::manifest;
  std::string reference;  // tag or digest text
};

// "/v2/<repository>/manifests/<reference>" with ns, or "/v2/…/blobs/<digest>". Nothing for any other path.
std::optional<Question> parse_question(std::string_view path, std::string_view ns);

struct Found {
  Digest digest;
  uint64_t size = 0;
  std::string media_type;
};

class Catalog {
 public:
  explicit Catalog(const format::Contents& contents);
  std::optional<Found> find(const Question& question) const;

 private:
  struct Repository {
    std::map<std::string, Found> tags;
    std::map<Digest, Found> manifests, blobs;
  };
  std::map<std::string, Repository> repositories_;  // by "registry/repository"
};

}  // namespace sealift::node
