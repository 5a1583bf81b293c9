// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/plan_builder.h"

#include <algorithm>

namespace sealift::plans {

Index PlanBuilder::add(const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after,
                       engine::Lane lane) {
  engine::PlannedStep planned;
  planned.step = std::move(step);
  planned.host = node.name;
  planned.after = std::move(after);
  const auto begun = begun_.find(node.name);
  if (begun != begun_.end() &&
      std::ranges::none_of(planned.after, [&](Index step) { return plan_.steps[step].host == node.name; }))
    planned.after.push_back(begun->second);
  planned.lane = lane;
  planned.on_failure = essential_.contains(node.name) ? engine::OnFailure::end_run : engine::OnFailure::set_aside;
  plan_.steps.push_back(std::move(planned));
  return plan_.steps.size() - 1;
}

Index PlanBuilder::begin(const steps::Node& node, std::shared_ptr<engine::Step> step) {
  const Index begun = add(node, std::move(step), {});
  begun_[node.name] = begun;
  return begun;
}

}  // namespace sealift::plans
