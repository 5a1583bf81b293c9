// SPDX-License-Identifier: Apache-2.0
//
// How a registry says no. Source: the OCI distribution specification 1.1, "Error Codes".
#pragma once

#include <string>

#include "payload/http/server.h"

namespace sealift::node {

// `code`: "NAME_UNKNOWN"; `text`: for people.
http::Response message(int status, std::string code, std::string text);

}  // namespace sealift::node
