// SPDX-License-Identifier: Apache-2.0
//
// The paths of a host's footprint (HostView::footprint).
#pragma once

#include <map>
#include <string>

#include "payload/base/error.h"

namespace sealift::host {

// Path → Trace::value. `root` is prepended to each path that is looked at, and in none of the results. What vanishes
// meanwhile is left out.
Result<std::map<std::string, std::string>> footprint_paths(const std::string& root);

// As it is if it is UTF-8, else with its other bytes escaped.
std::string as_utf8(const std::string& text);

}  // namespace sealift::host
