// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/apps.h"

namespace sealift::plans {

AppIndexes install_applications(PlanBuilder& plan, const steps::Model& model, const steps::Node& node,
                                const Cluster& cluster, const std::vector<Index>& after,
                                const std::vector<Index>& settled) {
  AppIndexes out = cluster.network_apps;
  for (const auto& app : model.apps) {
    if (app.app->is_network) continue;
    auto waits_for = after;
    for (const auto& need : app.needs) waits_for.push_back(out.at(need));
    const Index index = plan.add(node, std::make_shared<steps::AppStep>(model, app, cluster.apps), std::move(waits_for),
                                 engine::Lane::applications);
    plan.at(index).after_any = settled;
    plan.at(index).on_failure = engine::OnFailure::alone;
    out[app.app->name] = index;
  }
  return out;
}

}  // namespace sealift::plans
