// SPDX-License-Identifier: Apache-2.0
//
// The challenge in a registry's 401. Source: RFC 9110 §11.6.1; the distribution project's token specification.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::distribution {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case: realm, service, scope
};

// Parses the WWW-Authenticate header; `protocol` if it can't be read.
Result<std::vector<Challenge>> parse_challenges(std::string_view header);

}  // namespace sealift::distribution
