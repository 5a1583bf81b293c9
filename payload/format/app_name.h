// SPDX-License-Identifier: Apache-2.0
//
// What can be the name of an application, and so of a helm release and a namespace: it becomes part of paths, of units
// and of commands on hosts.
#pragma once

#include <string_view>

namespace sealift::format {

inline constexpr std::string_view kAppNames = "lower-case letters, digits and -, at most 53";
bool is_app_name(std::string_view name);

}  // namespace sealift::format
