// SPDX-License-Identifier: Apache-2.0
//
// A plan under construction: each step names only earlier ones.
#pragma once

#include <map>
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
  // If a step fails on an essential host the run ends: a cluster whose control planes are not well is not built on. Any
  // other host is set aside.
  explicit PlanBuilder(const std::vector<const steps::Node*>& essential) {
    for (const auto* node : essential) essential_.insert(node->name);
  }

  Index add(const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after,
            engine::Lane lane = engine::Lane::main);
  // A host's first step: all others of this host wait for it.
  Index begin(const steps::Node& node, std::shared_ptr<engine::Step> step);
  engine::PlannedStep& at(Index step) { return plan_.steps[step]; }
  engine::Plan take() && { return std::move(plan_); }

 private:
  std::set<std::string> essential_;
  std::map<std::string, Index> begun_;  // by host
  engine::Plan plan_;
};

}  // namespace sealift::plans
