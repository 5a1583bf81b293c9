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

// What a registry is called in image names, if it was asked for by another of its own names.
std::string_view canonical_registry(std::string_view registry);
// Where images of `registry`/`repository` lie in a registry that holds those of all: prefix/registry/repository, as
// "delivered/docker.io/library/redis" or "delivered/harbor.example_8443/team/app". Different registries get different
// places. `prefix`: without slashes at its ends; may be empty, though not for Harbor, whose first component is a
// project that somebody has made before. Errors: invalid_input for what is no repository then, or is over 255 bytes.
Result<std::string> external_repository(std::string_view prefix, std::string_view registry,
                                        std::string_view repository);

}  // namespace sealift::image
