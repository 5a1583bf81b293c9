// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/reset.h"

#include "runtime/steps/external_etcd.h"
#include "runtime/steps/reset_steps.h"

namespace sealift::plans {
namespace {

// Up to the end of everything that runs.
Index clear_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after) {
  const Index stopped = plan.add(node, std::make_shared<steps::StopStep>(), std::move(after));
  return plan.add(node, std::make_shared<steps::ClusterTracesStep>(), {stopped});
}

Index restore_host(PlanBuilder& plan, const steps::Node& node, Index cleared, bool verify) {
  const Index restored = plan.add(node, std::make_shared<steps::RestoreStep>(), {cleared});
  return plan.add(node, std::make_shared<steps::EndStep>(node.config.data_root, verify), {restored});
}

}  // namespace

Index reset_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after, bool verify) {
  return restore_host(plan, node, clear_host(plan, node, std::move(after)), verify);
}

engine::Plan reset(const std::vector<steps::Node>& nodes, bool verify, bool clears_etcd) {
  PlanBuilder plan({});
  std::vector<Index> cleared, control_planes;
  for (const auto& node : nodes) {
    cleared.push_back(clear_host(plan, node, {}));
    if (node.is_control_plane()) control_planes.push_back(cleared.back());
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    Index last = cleared[i];
    if (clears_etcd && nodes[i].is_control_plane()) {
      last = plan.add(nodes[i], std::make_shared<steps::ClearEtcdStep>(), {last});
      plan.at(last).after_any = control_planes;
    }
    restore_host(plan, nodes[i], last, verify);
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
