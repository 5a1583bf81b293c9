// SPDX-License-Identifier: Apache-2.0
//
// What an artifact asks of the cluster it is delivered to: REQUIRES in a Kubefile, `requires` in the contents. Versions
// are compared as semantic versioning says, with a part that is missing counted as zero: "1.31" is 1.31.0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::format {

struct Requirement {
  std::string name;      // "kubernetes", or an artifact that was delivered to the cluster before
  std::string versions;  // ">=1.31 <1.36": all of them; empty: any
  bool operator==(const Requirement&) const = default;
  std::string text() const;  // "kubernetes >=1.31 <1.36"
};

inline constexpr std::string_view kKubernetes = "kubernetes";

// As it is kept: ">= 1.31, <2" → ">=1.31 <2". A version alone means exactly that one. Errors: invalid_input.
Result<std::string> parse_versions(std::string_view text);
// Whether a version ("v1.34.4", "7.2") is one of `versions`; one that can't be read is none.
bool is_among(std::string_view version, std::string_view versions);
// The lowest version that `versions` names as a bound from below, as Kubernetes writes its own: "v1.31.0".
std::optional<std::string> lowest_of(std::string_view versions);

}  // namespace sealift::format
