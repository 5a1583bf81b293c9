// SPDX-License-Identifier: Apache-2.0
//
// helm's --set and --set-string as a YAML document. Source: helm 3, pkg/strvals.
#pragma once

#include <string_view>

#include "payload/yaml/node.h"

namespace sealift::convert {

enum class SetType { guessed, string };  // --set, --set-string

// Adds "a.b=c,list[0].x=y,args={one,two}" to `values`. invalid_input if it can't be read.
Result<void> set_values(std::string_view text, SetType type, yaml::Node& values);

}  // namespace sealift::convert
