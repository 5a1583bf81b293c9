// SPDX-License-Identifier: Apache-2.0
//
// Image names, normalised as every container engine does: "redis:7" is docker.io/library/redis:7. Source: the grammar
// of distribution/reference and the OCI distribution specification 1.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/base/error.h"
#include "payload/hash/digest.h"

namespace sealift::image {

struct Reference {
  std::string registry;    // "docker.io", "localhost:5000"
  std::string repository;  // "library/redis"
  std::string tag;         // empty if there is only a digest; "latest" if the name has neither
  std::optional<Digest> digest;

  std::string name() const;  // registry/repository
  std::string text() const;  // registry/repository[:tag][@sha256:…]
  bool operator==(const Reference&) const = default;
};

// Errors: invalid_input, saying what is wrong with the name.
Result<Reference> parse_reference(std::string_view text);
bool is_tag(std::string_view text);
// "sha256-HEX", also with an extension such as ".sig": the tag under which what refers to a manifest is kept. Source:
// OCI distribution specification 1.1, "Referrers Tag Schema"; cosign's "Tag-based discovery".
bool is_referrer_tag(std::string_view text);
bool is_repository(std::string_view text);

}  // namespace sealift::image
