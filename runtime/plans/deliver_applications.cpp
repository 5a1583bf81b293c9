// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/deliver.h"
#include "runtime/plans/groups.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/cluster_steps.h"
#include "runtime/steps/files.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {

using engine::Lane;

Result<engine::Plan> deliver_applications(const steps::Model& model) {
  const steps::Node& first = *model.control_planes().front();
  PlanBuilder plan(model.control_planes());
  SEALIFT_ASSIGN(const auto images, bring_images(plan, model));

  std::vector<Index> before, others;  // of the applications
  wait_for_images(images, model, before, others);
  const Index api = plan.add(first, std::make_shared<steps::ApiReadyStep>(first), {});
  for (const auto& node : model.nodes) {
    // A host may have just restarted.
    const Index ready = plan.add(node, std::make_shared<steps::NodeReadyStep>(model, node), {api});
    (&node == &first ? before : others).push_back(ready);
    SEALIFT_ASSIGN(auto files, steps::host_files(model, node));
    if (files.empty()) continue;
    const auto text = std::format("put the artifact's files for hosts ({})", files.size());
    const Index placed =
        plan.add(node, std::make_shared<steps::FilesStep>("files.artifact", text, std::move(files)), {}, Lane::bytes);
    (&node == &first ? before : others).push_back(placed);
  }
  Cluster cluster{};
  for (const auto& app : model.apps) {  // a network only if cluster.yaml names it
    if (app.app->is_network)
      cluster.network_apps[app.app->name] =
          hooks_after_app(plan, model, app.app->name,
                          plan.add(first, std::make_shared<steps::AppStep>(model, app, cluster.apps),
                                   hooks_before_app(plan, model, app.app->name, before, {})));
  }
  const auto apps = install_applications(plan, model, first, cluster, before, others);

  auto ended = others;
  for (const auto& [name, app] : apps) ended.append_range(app);
  const Index healthy = plan.add(first, std::make_shared<steps::HealthStep>(model), before);
  plan.at(healthy).after_any = std::move(ended);
  std::vector<Index> whole_delivery{healthy};
  for (const auto& [name, app] : apps) whole_delivery.append_range(app);
  SEALIFT_ASSIGN(const auto settled, settle_payloads(plan, model, whole_delivery));
  const Index noted = note_history(plan, model, first, cluster, {healthy});
  const Index synced = plan.add(first, std::make_shared<steps::SyncStep>(first), {noted});
  for (const auto& [name, index] : settled) plan.at(synced).after_any.push_back(index);
  for (const auto& node : model.nodes) {
    if (&node == &first) continue;
    const Index last = plan.add(node, std::make_shared<steps::SyncStep>(node), {});
    plan.at(last).after_any = {synced};
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
