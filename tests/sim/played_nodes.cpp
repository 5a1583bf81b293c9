// SPDX-License-Identifier: Apache-2.0
//
// PlayedCluster's nodes: the pods on them with their budgets, and how a node leaves.
#include <algorithm>

#include "payload/base/format.h"
#include "tests/sim/played_cluster.h"

namespace sealift::sim {

using base::Command;
using base::ExitStatus;
using tests::FakeMachine;

json::Value PlayedCluster::node_object(const std::string& name) {
  json::Value labels = json::Value::object();
  for (const auto& [key, value] : state.labels) {
    if (key.starts_with(name + " ")) labels.set(key.substr(name.size() + 1), value);
  }
  if (state.control_planes.contains(name)) labels.set("node-role.kubernetes.io/control-plane", "");
  return *json::parse(base::format(
      R"({{"kind":"Node","metadata":{{"name":"{}","labels":{}}},"status":{{"addresses":[{{"type":"InternalIP","address":"{}"}}],)"
      R"("conditions":[{{"type":"Ready","status":"True"}}],"nodeInfo":{{"containerRuntimeVersion":"{}"}}}}}})",
      name, json::to_canonical(labels), addresses_[name], runtime));
}

ExitStatus PlayedCluster::node(const std::string& name) {
  if (!state.nodes.contains(name)) return good();
  if (int& looks = looks_before_known_[name]; looks > 0) {
    --looks;
    return good();
  }
  return good(json::to_canonical(node_object(name)));
}

ExitStatus PlayedCluster::cordon(const std::string& node) {
  if (!state.nodes.contains(node)) return bad("Error from server (NotFound): nodes \"" + node + "\" not found");
  state.cordoned.insert(node);
  return good();
}

// What was there is gone with it; owners make their pods again.
ExitStatus PlayedCluster::forget_node(const std::string& node) {
  if (!state.nodes.contains(node)) return good();
  if (std::ranges::contains(state.etcd, node, [](const auto& entry) { return entry.second.name; }))
    faults.push_back(node + " was forgotten while it was a member of etcd");
  state.cordoned.insert(node);
  for (size_t i = pods.size(); i-- > 0;) {
    if (pods[i].node == node) evict(i);
  }
  state.nodes.erase(node);
  state.control_planes.erase(node);
  state.cordoned.erase(node);
  std::erase_if(state.labels, [&](const auto& label) { return label.first.starts_with(node + " "); });
  return good();
}

size_t PlayedCluster::pods_of(const std::string& node) const {
  return static_cast<size_t>(std::ranges::count(pods, node, &Pod::node));
}

void PlayedCluster::evict(size_t pod) {
  if (pods[pod].owner.empty()) {
    pods.erase(pods.begin() + static_cast<ptrdiff_t>(pod));
    return;
  }
  pods[pod].node.clear();  // until there is a place for it
  for (const auto& node : state.nodes) {
    if (!state.cordoned.contains(node)) pods[pod].node = node;
  }
}

// "", or the words of the API.
std::string PlayedCluster::why_not(const Pod& pod) const {
  for (const auto& budget : budgets) {
    if (budget.space != pod.space || budget.app != pod.app) continue;
    const auto healthy = static_cast<size_t>(std::ranges::count_if(pods, [&](const Pod& other) {
      return other.space == pod.space && other.app == pod.app && !other.node.empty();
    }));
    if (healthy <= budget.needed) return "Cannot evict pod as it would violate the pod's disruption budget.";
  }
  return {};
}

Result<ExitStatus> PlayedCluster::drain(FakeMachine& self, const Command& command) {
  const std::string node = after(command, "drain");
  SIM_STAGE(self, "kubectl drain: begin");
  {
    const std::lock_guard guard(mutex_);
    if (const auto cordoned = cordon(node); !cordoned.ok()) return cordoned;
    std::string refused;
    for (const auto& pod : pods) {
      if (pod.node != node || pod.owner == "DaemonSet") continue;
      if (pod.owner.empty() && !has(command, "--force"))
        refused += "cannot delete Pods that declare no controller (use --force to override): " + pod.name + ", ";
      if (pod.has_emptydir && !has(command, "--delete-emptydir-data"))
        refused += "cannot delete Pods with local storage (use --delete-emptydir-data to override): " + pod.name + ", ";
    }
    if (!refused.empty()) return bad("error: unable to drain node \"" + node + "\" due to error: [" + refused + "]");
    if (!has(command, "--ignore-daemonsets")) return bad("error: cannot delete DaemonSet-managed Pods");
  }
  SIM_STAGE(self, "kubectl drain: evictions");
  const std::lock_guard guard(mutex_);
  std::string errors;
  for (size_t i = pods.size(); i-- > 0;) {
    if (pods[i].node != node || pods[i].owner == "DaemonSet") continue;
    if (const auto why = why_not(pods[i]); !why.empty())
      errors += base::format("error when evicting pods/\"{}\" -n \"{}\" (will retry after 5s): {}\n", pods[i].name,
                             pods[i].space, why);
    else
      evict(i);
  }
  if (errors.empty()) return good("node/" + node + " drained\n");
  return bad(errors + "error: unable to drain node \"" + node + "\": global timeout reached: 5m0s");
}

json::Value PlayedCluster::pods_on(const std::string& node) const {
  json::Value items = json::Value::array();
  for (const auto& pod : pods) {
    if (pod.node != node) continue;
    const std::string owners =
        pod.owner.empty() ? "[]" : base::format(R"([{{"kind":"{}","name":"o","controller":true}}])", pod.owner);
    items.push_back(*json::parse(base::format(
        R"({{"kind":"Pod","metadata":{{"name":"{}","namespace":"{}","labels":{{"app":"{}"}},"ownerReferences":{}}},)"
        R"("spec":{{"nodeName":"{}","volumes":[{}]}},"status":{{"phase":"Running"}}}})",
        pod.name, pod.space, pod.app, owners, node, pod.has_emptydir ? R"({"name":"cache","emptyDir":{}})" : "")));
  }
  return items;
}

json::Value PlayedCluster::all_budgets() const {
  json::Value items = json::Value::array();
  for (const auto& budget : budgets) {
    const auto ready = std::ranges::count_if(
        pods, [&](const Pod& pod) { return pod.space == budget.space && pod.app == budget.app && !pod.node.empty(); });
    const bool allows = static_cast<size_t>(ready) > budget.needed;
    items.push_back(*json::parse(base::format(
        R"({{"kind":"PodDisruptionBudget","metadata":{{"name":"{1}","namespace":"{0}"}},"spec":{{"selector":{{"matchLabels":{{"app":"{1}"}}}}}},)"
        R"("status":{{"disruptionsAllowed":{2},"currentHealthy":{3},"desiredHealthy":{4}}}}})",
        budget.space, budget.app, allows ? 1 : 0, ready, budget.needed)));
  }
  return items;
}

}  // namespace sealift::sim
