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
    for (const auto& need : app.needs) waits_for.append_range(out.at(need));
    const auto& name = app.app->name;
    const Index index =
        plan.add(node, std::make_shared<steps::AppStep>(model, app, cluster.apps),
                 hooks_before_app(plan, model, name, std::move(waits_for), settled), engine::Lane::applications);
    plan.at(index).after_any = settled;
    plan.at(index).on_failure = engine::OnFailure::alone;
    out[name] = hooks_after_app(plan, model, name, index);
  }
  return out;
}

}  // namespace sealift::plans
