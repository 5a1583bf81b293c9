// SPDX-License-Identifier: Apache-2.0
//
// The hosts as nodes of the cluster, as the API tells. What it says of workloads is in applications.cpp.
#include <algorithm>
#include <array>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"
#include "runtime/kube/objects.h"

namespace sealift::inspection {
namespace {

constexpr auto kPressures = std::to_array<std::string_view>({"MemoryPressure", "DiskPressure", "PIDPressure"});

void judge_conditions(const json::Value& node, const std::string& name, Observations& out) {
  bool any = false;
  for (const auto& condition : kube::items(node, "status/conditions")) {
    const std::string type = condition.text_or("type", "");
    if (!std::ranges::contains(kPressures, type) || condition.text_or("status", "") != "True") continue;
    any = true;
    out.fail("node.pressure", name, base::format("{}: {}", type, condition.text_or("message", "")));
  }
  if (!any) out.ok("node.pressure", name, "has memory, disk and process ids to spare");
  const auto* cordoned = node.at_path("spec/unschedulable");
  if (cordoned != nullptr && cordoned->boolean().value_or(false))
    out.warn("node.schedulable", name, "is cordoned: no new pod comes to it");
  else
    out.ok("node.schedulable", name, "takes pods");
}

bool has_taint(const json::Value& node, std::string_view wanted) {
  // "db=only:NoSchedule", "db:NoSchedule"
  const size_t colon = wanted.rfind(':');
  const auto key = wanted.substr(0, std::min(wanted.find('='), colon));
  return std::ranges::any_of(kube::items(node, "spec/taints"), [&](const json::Value& taint) {
    const std::string value = taint.text_or("value", "");
    return taint.text_or("key", "") == key &&
           base::format("{}{}:{}", key, value.empty() ? "" : "=" + value, taint.text_or("effect", "")) == wanted;
  });
}

void judge_labels(const json::Value& node, const HostLook& host, Observations& out) {
  std::vector<std::string> missing;
  const auto* labels = node.at_path("metadata/labels");
  for (const auto& [key, value] : host.config.labels) {
    const auto* there = labels == nullptr ? nullptr : labels->find(key);
    if (there == nullptr || there->string() == nullptr || *there->string() != value)
      missing.push_back(base::format("the label {}={}", key, value));
  }
  for (const auto& taint : host.config.taints) {
    if (!has_taint(node, taint)) missing.push_back("the taint " + taint);
  }
  if (missing.empty())
    out.ok("node.labels", host.name, "has the labels and taints of cluster.yaml");
  else
    out.warn("node.labels", host.name, "has not " + some_of(missing, 5));
}

}  // namespace

void judge_nodes(const Look& look, const Wishes&, Observations& out) {
  if (!look.cluster || look.cluster->objects.nodes.find("items") == nullptr) return;
  std::map<std::string, const HostLook*> hosts;
  std::set<std::string> expected;
  bool is_any_nameless = false;
  for (const auto& host : look.hosts) {
    hosts[host.name] = &host;
    expected.insert(host.name);
    is_any_nameless = is_any_nameless || (!host.is_there() && !host.config.name && host.name == host.config.address);
  }
  for (const auto& judged : kube::judge_cluster({look.cluster->objects.nodes, {}, {}}, expected)) {
    const std::string name = judged.health.subject.substr(std::string_view("node ").size());
    const auto host = hosts.find(name);
    if (host == hosts.end()) {
      if (!is_any_nameless) out.warn("node.others", name, "is a node of the cluster and not in cluster.yaml");
      continue;
    }
    const bool is_ready = judged.health.state == kube::Health::State::current;
    const std::string boot =
        judged.object == nullptr ? std::string() : kube::text(*judged.object, "status/nodeInfo/bootID");
    const auto& answer = host->second->answer;
    if (!is_ready)
      out.fail("node.ready", name, "is not Ready: " + judged.health.message);
    else if (answer && !boot.empty() && !answer->boot_id.empty() && boot != answer->boot_id)
      out.fail("node.ready", name, "has restarted, and its kubelet has not reported since");
    else
      out.ok("node.ready", name, judged.detail.empty() ? std::string("is Ready") : "is Ready: " + judged.detail);
    if (judged.object == nullptr) continue;
    judge_conditions(*judged.object, name, out);
    judge_labels(*judged.object, *host->second, out);
  }
}

}  // namespace sealift::inspection
