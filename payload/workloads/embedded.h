// SPDX-License-Identifier: Apache-2.0
//
// YAML and JSON documents inside strings. Only for this library.
#pragma once

#include <string_view>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::workloads {

// Most strings are no documents, and reading YAML is slow: only these are worth it. Never true for scripts.
bool may_hold_images(std::string_view text);

// The mappings and lists that a string holds. Documents that can't be read (templates) are left out. Places are those
// within the string, or 0. No larger than the text in proportion: aliases that multiply are refused.
std::vector<yaml::Node> documents_inside(std::string_view text);

}  // namespace sealift::workloads
