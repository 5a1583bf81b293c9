// SPDX-License-Identifier: Apache-2.0
//
// What a pull asks for, parsed from a request and turned back into one. Source: the OCI distribution specification 1.1,
// and containerd, which adds `ns` with the registry's name. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sealift::node {

struct Question {
  std::string registry;    // from `ns`
  std::string repository;  // from the path
  enum class Kind { manifest, blob } kind = Kind::manifest;
  std::string reference;      // tag or digest text
  bool of_referrers = false;  // a list, which may be empty
};

// "/v2/<repository>/manifests/<reference>" or "/v2/<repository>/blobs/<digest>", decoded; nothing for any other path.
// "/v2/<repository>/referrers/<digest>" is a question for the manifest with the tag that stands for such a list.
std::optional<Question> parse_question(std::string_view path, std::string_view ns);
// "/v2/<repository>/blobs/<reference>?ns=<registry>", encoded for the wire.
std::string target_of(const Question& question);

}  // namespace sealift::node
