// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::convert {

// Values for cluster.yaml: what looks like a password becomes a variable, ${ERP_DB_PASSWORD}, and every other "${"
// stays literal. Returns the variables.
std::vector<std::string> hide_secrets(yaml::Node& values, const std::string& app);

}  // namespace sealift::convert
