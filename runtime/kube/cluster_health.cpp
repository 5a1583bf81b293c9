// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/cluster_health.h"

#include <algorithm>

#include "payload/base/format.h"
#include "runtime/kube/objects.h"

namespace sealift::kube {
namespace {

using State = Health::State;

std::string node_detail(const json::Value& node) {
  std::string address;
  for (const auto& entry : items(node, "status/addresses")) {
    if (entry.text_or("type", "") == "InternalIP") address = entry.text_or("address", "");
  }
  return text(node, "status/nodeInfo/kubeletVersion") + (address.empty() ? "" : " " + address);
}

bool is_static(const json::Value& pod) {
  return std::ranges::any_of(items(pod, "metadata/ownerReferences"),
                             [](const json::Value& owner) { return owner.text_or("kind", "") == "Node"; });
}

class Judge {
 public:
  Judge(const ClusterObjects& objects, const std::set<std::string>& expected)
      : objects_(objects), expected_(expected) {}

  std::vector<Judged> run() {
    judge_nodes();
    std::ranges::for_each(items(objects_.pods), [&](const json::Value& pod) {
      if (is_static(pod) && !gone_.contains(text(pod, "spec/nodeName"))) judge_static_pod(pod);
    });
    std::ranges::for_each(items(objects_.workloads), [&](const json::Value& workload) { judge_workload(workload); });
    return std::move(out_);
  }

 private:
  void judge_nodes() {
    std::set<std::string> known;
    std::ranges::for_each(items(objects_.nodes), [&](const json::Value& node) {
      const std::string name = text(node, "metadata/name");
      known.insert(name);
      Judged judged{health_of(node), {}, node_detail(node), &node, true};
      judged.health.subject = "node " + name;
      if (judged.health.state != State::current && !expected_.contains(name)) {
        judged.counts = false;
        gone_.insert(name);
      }
      out_.push_back(std::move(judged));
    });
    for (const auto& name : expected_) {
      if (!known.contains(name))
        out_.push_back({{State::in_progress, "node " + name, "the API does not know it"}, {}, {}, nullptr, true});
    }
  }

  void judge_static_pod(const json::Value& pod) {
    const Health health = health_of(pod);
    if (health.state == State::current) return;  // healthy ones are covered by their node
    const std::string space = text(pod, "metadata/namespace");
    out_.push_back(
        {{health.state, "Pod " + space + "/" + text(pod, "metadata/name"), health.message}, space, {}, &pod, true});
  }

  void judge_workload(const json::Value& workload) {
    const std::string kind = text(workload, "kind"), space = text(workload, "metadata/namespace");
    Judged judged{health_of(workload), space, {}, &workload, true};
    judged.health.subject = kind + " " + space + "/" + text(workload, "metadata/name");
    const bool daemons = kind == "DaemonSet";
    const uint64_t wanted =
        daemons ? number(workload, "status/desiredNumberScheduled") : number(workload, "spec/replicas");
    const uint64_t ready = number(workload, daemons ? "status/numberReady" : "status/readyReplicas");
    judged.detail = base::format("{} of {}", ready, wanted);
    if (judged.health.state == State::in_progress) {
      if (misses_only_gone_nodes(daemons, ready, wanted))
        judged.health.state = State::current;
      else
        explain(workload, judged.health);
    }
    out_.push_back(std::move(judged));
  }

  // With nodes gone, their daemons are missing and replicas may take minutes to move elsewhere: one ready replica is
  // enough to call the cluster usable.
  bool misses_only_gone_nodes(bool daemons, uint64_t ready, uint64_t wanted) const {
    if (gone_.empty()) return false;
    return daemons ? ready + gone_.size() >= wanted : ready > 0;
  }

  // The first pod with a reason explains more than numbers.
  void explain(const json::Value& workload, Health& health) const {
    bool said = false;
    std::ranges::for_each(items(objects_.pods), [&](const json::Value& pod) {
      if (said || !selects(workload, pod) || gone_.contains(text(pod, "spec/nodeName"))) return;
      if (health_of(pod).state == State::current) return;
      const std::string trouble = pod_trouble(pod);
      if (trouble.empty()) return;
      said = true;
      const std::string node = text(pod, "spec/nodeName");
      health.message +=
          base::format(" (pod {}{}: {})", text(pod, "metadata/name"), node.empty() ? "" : " on " + node, trouble);
    });
  }

  const ClusterObjects& objects_;
  const std::set<std::string>& expected_;
  std::set<std::string> gone_;
  std::vector<Judged> out_;
};

}  // namespace

std::vector<Judged> judge_cluster(const ClusterObjects& objects, const std::set<std::string>& expected) {
  return Judge(objects, expected).run();
}

}  // namespace sealift::kube
