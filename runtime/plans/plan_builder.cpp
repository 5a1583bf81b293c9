// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/plan_builder.h"

namespace sealift::plans {

Index PlanBuilder::add(const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after,
                       engine::Lane lane) {
  engine::PlannedStep planned;
  planned.step = std::move(step);
  planned.host = node.name;
  planned.after = std::move(after);
  planned.lane = lane;
  planned.on_failure = essential_.contains(node.name) ? engine::OnFailure::end_run : engine::OnFailure::set_aside;
  plan_.steps.push_back(std::move(planned));
  return plan_.steps.size() - 1;
}

}  // namespace sealift::plans
