// SPDX-License-Identifier: Apache-2.0
//
// The files of rules that a payload carries: the factory puts them there, the site's check reads them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "payload/format/reader.h"
#include "payload/workloads/rules.h"

namespace sealift::charts {

inline constexpr std::string_view kRulesFolder = "rules/";  // in the tree
inline constexpr size_t kMaxRules = size_t{1} << 20;        // bytes of a file

// Adds those whose path in the tree is wanted; `whose` stands before it in errors: "the base's ". Errors: those of the
// reader and of Rules::add().
Result<void> add_packed_rules(const format::PayloadReader& payload, std::string_view whose, workloads::Rules& rules,
                              const std::function<bool(const std::string& path)>& is_wanted);

}  // namespace sealift::charts
