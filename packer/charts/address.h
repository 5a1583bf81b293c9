// SPDX-License-Identifier: Apache-2.0
//
// Where a chart is that is not on this machine, as one word.
#pragma once

#include <string>
#include <string_view>

#include "payload/image/reference.h"

namespace sealift::charts {

struct Address {
  enum class Kind {
    url,         // https://HOST/…/x.tgz
    oci,         // oci://REGISTRY/…/NAME:VERSION, or …@sha256:…
    repository,  // repo:https://HOST/…/NAME@VERSION: REPOSITORY/index.yaml says where
  };
  Kind kind = Kind::url;
  std::string text;            // as written
  std::string url;             // the chart's, or the repository's, without a slash at the end
  image::Reference reference;  // of oci
  std::string name, version;   // of repository; the version may be missing or a range, which fetching refuses
};

// Whether the word is meant as an address: by its first characters.
bool is_address(std::string_view text);
// Errors: invalid_input.
Result<Address> parse_address(std::string_view text);
// The address of a chart's dependency, as Chart.lock gives it. `repository` is an https, http or oci URL; for others
// invalid_input.
Result<Address> address_of(std::string_view repository, std::string_view name, std::string_view version);
// "1.2.3", "v1.2.3-rc.1+build": one version, not a range of them.
bool is_exact_version(std::string_view text);

}  // namespace sealift::charts
