// SPDX-License-Identifier: Apache-2.0
//
// Rules on the documents of one rendering. Only for this library.
#pragma once

#include <span>

#include "payload/workloads/find_images.h"

namespace sealift::workloads {

// Adds what the rules make of the documents, which may need fields of `others`. What a rule read is not unresolved any
// more; what it ignores is omitted.
void apply_rules(const Rules& rules, std::span<const yaml::Node> documents, std::span<const yaml::Node* const> others,
                 Findings& findings);

}  // namespace sealift::workloads
