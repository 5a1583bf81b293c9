// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/reset.h"

#include "runtime/plans/groups.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/reset_steps.h"

namespace sealift::plans {
namespace {

// Up to the end of everything that runs.
Index clear_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after,
                 std::vector<engine::StepId> kept) {
  const Index stopped = plan.add(node, std::make_shared<steps::StopStep>(std::move(kept)), std::move(after));
  return plan.add(node, std::make_shared<steps::ClusterTracesStep>(), {stopped});
}

Index end_host(PlanBuilder& plan, const steps::Node& node, Index restored, bool verify) {
  return plan.add(node, std::make_shared<steps::EndStep>(node.config.data_root, verify), {restored});
}

Index restore_host(PlanBuilder& plan, const steps::Node& node, Index cleared) {
  return plan.add(node, std::make_shared<steps::RestoreStep>(), {cleared});
}

}  // namespace

Index reset_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after, bool verify,
                 std::vector<engine::StepId> kept) {
  return end_host(plan, node, restore_host(plan, node, clear_host(plan, node, std::move(after), std::move(kept))),
                  verify);
}

engine::Plan reset(const steps::HookSource& source, const std::vector<steps::Node>& nodes, bool verify,
                   bool clears_etcd) {
  PlanBuilder plan({});
  std::vector<Index> cleared, control_planes;
  for (const auto& node : nodes) {
    const auto before = hooks_of_reset(plan, source, node, true, {});
    cleared.push_back(clear_host(plan, node, before ? std::vector{*before} : std::vector<Index>{},
                                 hooks_of_the_end(source.config, node)));
    if (node.is_control_plane()) control_planes.push_back(cleared.back());
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    Index last = cleared[i];
    if (clears_etcd && nodes[i].is_control_plane()) {
      last = plan.add(nodes[i], std::make_shared<steps::ClearEtcdStep>(), {last});
      plan.at(last).after_any = control_planes;
    }
    last = restore_host(plan, nodes[i], last);
    end_host(plan, nodes[i], hooks_of_reset(plan, source, nodes[i], false, last).value_or(last), verify);
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
