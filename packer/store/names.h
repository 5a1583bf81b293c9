// SPDX-License-Identifier: Apache-2.0
//
// Names of artifacts, as in -t and FROM: "erp:3.4", "harbor.example:8443/prod/erp:3.4"; and the document that says
// which artifact each name of the store means.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "payload/base/error.h"
#include "payload/hash/digest.h"

namespace sealift::store {

// "erp" is "erp:latest". `usage` says what a name is made of.
Result<std::string> full_name(std::string_view text);
bool is_name(std::string_view text);

// Full name → identity of the artifact.
using Names = std::map<std::string, Digest>;
std::string to_json(const Names& names);
// `corrupt`; unsupported_version if a newer sealift wrote it.
Result<Names> parse_names(std::string_view json);

}  // namespace sealift::store
