// SPDX-License-Identifier: Apache-2.0
//
// Host addresses that are followed by a port.
#pragma once

#include <string>
#include <string_view>

namespace sealift::base {

// An IPv6 address in brackets, as URLs and "host:port" require; a name or an IPv4 address unchanged.
std::string bracketed(std::string_view address);

}  // namespace sealift::base
