// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/deliver.h"

#include <algorithm>
#include <map>

#include "runtime/plans/groups.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/config_step.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {

namespace {

// A host other than the first control plane, on its way into the cluster.
struct Newcomer {
  const steps::Node& node;
  Index ready;  // for kubeadm
  Index joined = 0;
  Index finished = 0;
};

std::vector<Reached> reached(const steps::Node& first, Index of_first, const std::vector<Newcomer>& planes,
                             const std::vector<Newcomer>& workers, Index Newcomer::* step) {
  std::vector<Reached> out{{&first, of_first}};
  for (const auto* newcomers : {&planes, &workers}) {
    for (const auto& one : *newcomers) out.push_back({&one.node, one.*step});
  }
  return out;
}

// The other way round; in the same order.
void take(const std::vector<Reached>& reached, std::vector<Newcomer>& planes, std::vector<Newcomer>& workers,
          Index Newcomer::* step) {
  auto from = reached.begin() + 1;
  for (auto* newcomers : {&planes, &workers}) {
    for (auto& one : *newcomers) one.*step = (from++)->last;
  }
}

// The last step of each host before kubeadm, by node name.
Result<std::map<std::string, Index>> prepare_hosts(PlanBuilder& plan, const steps::Model& model, const Images& images) {
  const steps::Node& first = model.any_control_plane();
  std::map<std::string, Index> out;
  std::vector<Index> mirrors;
  SEALIFT_ASSIGN(auto supply, prepare_supplier(plan, model, first, images));
  if (supply.supplier_ready)
    out[images.supplier->name] = hooks_after_host(plan, model, *images.supplier, *supply.supplier_ready);
  if (supply.mirror) mirrors.push_back(*supply.mirror);
  std::vector<const steps::Node*> others;
  for (const auto& node : model.nodes) {
    if (&node != images.supplier) others.push_back(&node);
  }
  // A host that other hosts ask until now comes last.
  std::ranges::stable_partition(others, [&](const steps::Node* node) { return !model.leaves_registry(*node); });
  for (const auto* node : others) {
    SEALIFT_ASSIGN(const auto prepared, prepare_host(plan, model, *node, images, supply, mirrors));
    mirrors.push_back(prepared.mirror);
    out[node->name] = hooks_after_host(plan, model, *node, prepared.ready);
    if (node == &first) supply.first_images = prepared.ready;
  }
  return out;
}

}  // namespace

Result<engine::Plan> deliver(const steps::Model& model, const std::optional<steps::AuthorityChange>& change) {
  if (!model.makes_cluster()) return deliver_applications(model, change);
  const auto control_planes = model.control_planes();
  const steps::Node& first = *control_planes.front();
  PlanBuilder plan(control_planes);

  for (const auto& node : model.nodes) {
    plan.begin(node, std::make_shared<steps::BeforeStep>());
    hooks_before_host(plan, model, node);
  }
  SEALIFT_ASSIGN(const auto images, bring_images(plan, model));
  SEALIFT_ASSIGN(const auto ready, prepare_hosts(plan, model, images));
  std::vector<Newcomer> planes, workers;
  for (const auto& node : model.nodes) {
    if (&node != &first) (node.is_control_plane() ? planes : workers).push_back({node, ready.at(node.name)});
  }

  auto prepared = reached(first, ready.at(first.name), planes, workers, &Newcomer::ready);
  const auto hooks = hooks_before_cluster(plan, model, prepared);
  take(prepared, planes, workers, &Newcomer::ready);
  SEALIFT_ASSIGN(const auto cluster, make_cluster(plan, model, first, prepared.front().last, hooks));
  Index whole = cluster.api;
  for (auto& plane : planes) whole = plane.joined = join_control_plane(plan, model, plane.node, plane.ready, whole);
  for (auto& worker : workers) worker.joined = join_worker(plan, model, worker.node, worker.ready, cluster);
  const auto finish = [&](const steps::Node& node, Index joined) {
    return finish_node(plan, model, node, name_api_server(plan, model, node, joined), cluster);
  };
  const Index first_finished = finish(first, cluster.api);
  for (auto& plane : planes) plane.finished = finish(plane.node, plane.joined);
  for (auto& worker : workers) worker.finished = finish_node(plan, model, worker.node, worker.joined, cluster);
  auto finished = reached(first, first_finished, planes, workers, &Newcomer::finished);
  hooks_after_cluster(plan, model, finished);
  take(finished, planes, workers, &Newcomer::finished);
  std::vector<Index> essential, workers_ready;
  for (const auto& [node, last] : finished) (node->is_control_plane() ? essential : workers_ready).push_back(last);
  // Nobody waits for it but the end: images are pulled all the while.
  auto changed = finished;
  if (change) change_authority(plan, model, *change, changed);

  // Applications wait for every worker still in the run, and until their images are there.
  wait_for_images(images, model, essential, workers_ready);
  const auto apps = install_applications(plan, model, first, cluster, essential, workers_ready);

  // Delivered means healthy, whatever else was done, and on disk.
  std::vector<Index> all = essential, ended = workers_ready;
  all.push_back(cluster.network);
  for (const auto& [name, app] : apps) ended.append_range(app);
  const Index healthy = plan.add(first, std::make_shared<steps::HealthStep>(model), std::move(all));
  plan.at(healthy).after_any = std::move(ended);
  // Last: the control plane also works for other hosts, and the last objects to become healthy start pods on others.
  std::vector<Index> whole_delivery{healthy};
  for (const auto& [name, app] : apps) whole_delivery.append_range(app);
  SEALIFT_ASSIGN(const auto settled, settle_payloads(plan, model, whole_delivery));
  take(changed, planes, workers, &Newcomer::finished);
  const Index kept = plan.add(first, std::make_shared<steps::ConfigStep>(model), {healthy});
  const Index noted = note_history(plan, model, first, cluster, {kept});
  const Index synced = plan.add(first, std::make_shared<steps::SyncStep>(first), {noted});
  if (change) plan.at(synced).after_any.push_back(changed.front().last);
  for (const auto& [name, index] : settled) plan.at(synced).after_any.push_back(index);
  for (const auto& newcomers : {planes, workers}) {
    for (const auto& one : newcomers) {
      const Index last = plan.add(one.node, std::make_shared<steps::SyncStep>(one.node), {one.finished});
      plan.at(last).after_any = {synced};
    }
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
