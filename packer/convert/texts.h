// SPDX-License-Identifier: Apache-2.0
//
// Lists of texts in YAML documents. Only for this library.
#pragma once

#include <string>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::convert {

// A single text or a list of them, without empty ones; null: none.
std::vector<std::string> texts_of(const yaml::Node* node);
yaml::Node texts(const std::vector<std::string>& values);

}  // namespace sealift::convert
