// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/reset.h"

#include "runtime/steps/reset_steps.h"

namespace sealift::plans {

Index reset_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after, bool verify) {
  const Index stopped = plan.add(node, std::make_shared<steps::StopStep>(), std::move(after));
  const Index cleared = plan.add(node, std::make_shared<steps::ClusterTracesStep>(), {stopped});
  const Index restored = plan.add(node, std::make_shared<steps::RestoreStep>(), {cleared});
  return plan.add(node, std::make_shared<steps::EndStep>(node.config.data_root, verify), {restored});
}

engine::Plan reset(const std::vector<steps::Node>& nodes, bool verify) {
  PlanBuilder plan({});
  for (const auto& node : nodes) reset_host(plan, node, {}, verify);
  return std::move(plan).take();
}

}  // namespace sealift::plans
