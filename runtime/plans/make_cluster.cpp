// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_steps.h"

#include "runtime/kube/kubeadm.h"
#include "runtime/plans/groups.h"
#include "runtime/steps/api_certificate.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/control_plane_step.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/join_step.h"

namespace sealift::plans {

using steps::Model;
using steps::Node;

Result<Cluster> make_cluster(PlanBuilder& plan, const Model& model, const Node& node, Index ready,
                             const std::vector<Index>& settled) {
  SEALIFT_ASSIGN(auto documents,
                 kube::init_documents(steps::kubeadm_input(model), {node.name, node.ip, node.config.taints, true}));
  std::shared_ptr<engine::Step> make;
  if (node.has_joined)
    make = std::make_shared<steps::JoinStep>(model, node);
  else
    make = std::make_shared<steps::InitStep>(model, node, std::move(documents));
  const Index made = plan.add(node, std::move(make), {ready});
  plan.at(made).changes_cluster = true;
  plan.at(made).after_any = settled;
  plan.at(made).ends = hooks_of_the_end(model.config, node);
  Cluster out{};
  out.api = plan.add(node, std::make_shared<steps::ApiReadyStep>(node), {made});
  out.network = plan.add(node, std::make_shared<steps::DnsStep>(model), {out.api});
  for (const auto& app : model.apps) {
    if (!app.app->is_network) continue;
    const auto& name = app.app->name;
    out.network = plan.add(node, std::make_shared<steps::AppStep>(model, app, out.apps),
                           hooks_before_app(plan, model, name, {out.network}, {}));
    out.network_apps[name] = hooks_after_app(plan, model, name, out.network);
  }
  return out;
}

Index join_worker(PlanBuilder& plan, const Model& model, const Node& node, Index ready, const Cluster& cluster) {
  const Index joined = plan.add(node, std::make_shared<steps::JoinStep>(model, node), {ready, cluster.api});
  plan.at(joined).changes_cluster = true;
  plan.at(joined).ends = hooks_of_the_end(model.config, node);
  return joined;
}

Index join_control_plane(PlanBuilder& plan, const Model& model, const Node& node, Index ready, Index before) {
  const Index joined = plan.add(node, std::make_shared<steps::JoinStep>(model, node), {ready, before});
  plan.at(joined).changes_cluster = true;
  plan.at(joined).ends = hooks_of_the_end(model.config, node);
  return plan.add(node, std::make_shared<steps::ControlPlaneReadyStep>(model, node), {joined});
}

Index name_api_server(PlanBuilder& plan, const Model& model, const Node& node, Index joined) {
  auto names = kube::wanted_names(steps::kubeadm_input(model));
  if (names.empty()) return joined;
  return plan.add(node, std::make_shared<steps::ApiCertificateStep>(model, node, std::move(names)), {joined});
}

Index finish_node(PlanBuilder& plan, const Model& model, const Node& node, Index joined, const Cluster& cluster) {
  Index last = joined;
  if (!node.config.labels.empty()) last = plan.add(node, std::make_shared<steps::LabelsStep>(model, node), {last});
  return plan.add(node, std::make_shared<steps::NodeReadyStep>(model, node), {last, cluster.network});
}

}  // namespace sealift::plans
