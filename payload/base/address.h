// SPDX-License-Identifier: Apache-2.0
//
// Addresses where a port follows.
#pragma once

#include <string>
#include <string_view>

namespace sealift::base {

// An IPv6 address in brackets, as URLs and "host:port" want it; a name or an IPv4 address as it is.
std::string bracketed(std::string_view address);

}  // namespace sealift::base
