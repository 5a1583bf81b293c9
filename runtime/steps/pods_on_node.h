// SPDX-License-Identifier: Apache-2.0
//
// The pods that a drain has to move, and what is in its way. Pure: it judges the API's JSON.
#pragma once

#include <string>
#include <vector>

#include "payload/json/value.h"

namespace sealift::steps {

// One that an eviction ends: no daemon, no static pod, not finished.
struct PodOnNode {
  std::string name;                    // "shop/db-0"
  bool is_made_again = true;           // by a controller
  std::vector<std::string> emptydirs;  // its volumes of that kind
  std::vector<std::string> budgets;    // that let no pod go now: "shop/db: 2 of 2 are needed"
  bool loses() const { return !is_made_again || !emptydirs.empty(); }
};

// `pods`, `budgets`: Lists of Pod and of PodDisruptionBudget.
std::vector<PodOnNode> pods_to_move(const json::Value& pods, const json::Value& budgets);

// "shop/db-0 (…), shop/tool (…)": what each pod would lose, of those that lose anything; empty if none does.
std::string losses(const std::vector<PodOnNode>& pods);
// "shop/db-0 (the budget …), …": all of them.
std::string names_with_budgets(const std::vector<PodOnNode>& pods);

}  // namespace sealift::steps
