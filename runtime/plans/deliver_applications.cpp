// SPDX-License-Identifier: Apache-2.0
#include "payload/base/format.h"
#include "runtime/plans/deliver.h"

#include <algorithm>

#include "runtime/plans/groups.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/cluster_steps.h"
#include "runtime/steps/existing_cluster.h"
#include "runtime/steps/files.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {

using engine::Lane;

namespace {

// On the nodes of a cluster that Sealift did not make: of all that a delivery puts on a host, what answers containerd
// alone. Returns each host's mirror; the first control plane is the first one.
Result<std::vector<Reached>> serve_images(PlanBuilder& plan, const steps::Model& model, const Images& images) {
  std::vector<Reached> out;
  std::vector<Index> mirrors;
  std::optional<Index> authority, supplier;
  const auto serve = [&](const steps::Node& node) -> Result<void> {
    SEALIFT_ASSIGN(const auto installed, install_node_service(plan, model, node));
    const Index renewal = plan.add(node,
                                   std::make_shared<steps::FilesStep>(
                                       "files.renewal", "tell it who renews certificates", steps::renewal_files(model)),
                                   {});
    Index issuer = 0;
    if (node.is_control_plane()) issuer = make_authority(plan, model, node, installed, authority);
    if (!authority) authority = issuer;
    auto waits = waits_of_mirror(model, node, images, supplier, mirrors);
    waits.before.insert(waits.before.end(),
                        {renewal, take_ports(plan, model, node, installed,
                                             node.is_control_plane() ? issuer : *authority, waits.ended)});
    mirrors.push_back(start_mirror(plan, model, node, installed, std::move(waits.before), waits.ended));
    out.push_back({&node, mirrors.back()});
    if (&node == images.supplier) supplier = mirrors.back();
    return {};
  };
  // The first control plane has the authority; a host that other hosts ask until now comes last.
  for (const bool leaves : {false, true}) {
    for (const auto& node : model.nodes) {
      const bool is_first = &node == &model.any_control_plane();
      if ((model.leaves_registry(node) && !is_first) == leaves) SEALIFT_TRY(serve(node));
    }
  }
  return out;
}

}  // namespace

Result<engine::Plan> deliver_applications(const steps::Model& model,
                                          const std::optional<steps::AuthorityChange>& change) {
  const auto& existing = model.config.existing;
  const steps::Node& first = *model.control_planes().front();
  PlanBuilder plan(model.control_planes());
  for (const auto& node : model.nodes) {
    if (existing) plan.begin(node, std::make_shared<steps::BeforeStep>(steps::kBeforeStepOfExisting));
  }
  SEALIFT_ASSIGN(const auto images, bring_images(plan, model));

  std::vector<Index> before, others;  // of the applications
  wait_for_images(images, model, before, others);
  std::vector<Index> before_api;
  std::vector<Reached> served;
  if (existing) {
    SEALIFT_ASSIGN(served, serve_images(plan, model, images));
    for (const auto& [node, mirror] : served) {
      (node->is_control_plane() ? before : others).push_back(mirror);
      if (const auto site = put_site_files(plan, model, *node))
        (node->is_control_plane() ? before : others).push_back(*site);
      if (!node->is_control_plane()) continue;
      const Index login = plan.add(*node, std::make_shared<steps::KubeconfigStep>(*existing), {});
      if (node == &first) before_api.push_back(login);
    }
    if (change) change_authority(plan, model, *change, served);
  }
  const Index api = plan.add(first, std::make_shared<steps::ApiReadyStep>(first), before_api);
  for (const auto& node : model.nodes) {
    // A host may have just restarted.
    const Index ready = plan.add(node, std::make_shared<steps::NodeReadyStep>(model, node), {api});
    (&node == &first ? before : others).push_back(ready);
    SEALIFT_ASSIGN(auto files, steps::host_files(model, node));
    if (files.empty()) continue;
    const auto text = base::format("put the artifact's files for hosts ({})", files.size());
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
  for (const auto& [node, last] : served) {
    if (node == &first) plan.at(synced).after_any.push_back(last);
  }
  for (const auto& node : model.nodes) {
    if (&node == &first) continue;
    const Index last = plan.add(node, std::make_shared<steps::SyncStep>(node), {});
    plan.at(last).after_any = {synced};
    const auto own = std::ranges::find(served, &node, &Reached::node);
    if (own != served.end()) plan.at(last).after_any.push_back(own->last);
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
