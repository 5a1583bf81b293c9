// SPDX-License-Identifier: Apache-2.0
//
// A plan while it is written: steps in an order in which each names only earlier ones.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/engine/step.h"
#include "runtime/steps/model.h"

namespace sealift::plans {

using Index = size_t;  // of a step in the plan

class PlanBuilder {
 public:
  // Without the `essential` hosts (node names) the plan makes no sense: if a step fails there the run ends. Any other
  // host is set aside.
  explicit PlanBuilder(std::set<std::string> essential) : essential_(std::move(essential)) {}

  Index add(const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after,
            engine::Lane lane = engine::Lane::main);
  engine::PlannedStep& at(Index step) { return plan_.steps[step]; }
  engine::Plan take() && { return std::move(plan_); }

 private:
  std::set<std::string> essential_;
  engine::Plan plan_;
};

}  // namespace sealift::plans
