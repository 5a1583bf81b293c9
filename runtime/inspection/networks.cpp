// SPDX-License-Identifier: Apache-2.0
//
// The name service, the network of pods and that of services, from every node.
#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr size_t kMostNamed = 5;
constexpr std::string_view kPolicies = "; a network policy may forbid it";

class Judge {
 public:
  Judge(const ClusterLook& cluster, Observations& out) : cluster_(cluster), out_(out) {
    for (const auto& pod : cluster.pods) by_address_[pod.ip] = &pod;
  }

  void judge(const HostLook& host) {
    const auto& answer = *host.answer;
    if (answer.names && answer.names->empty()) out_.ok("names.hosts", host.name, "the name service answers it");
    if (answer.names && !answer.names->empty())
      out_.fail("names.hosts", host.name, "the cluster's name service gives it no answer: " + *answer.names);
    if (!answer.pod) {
      if (!cluster_.pods.empty())
        out_.ok("network.pods", host.name, "not asked: there is no pod with a network of its own");
      return;
    }
    const auto& view = *answer.pod;
    if (!view.error.empty()) {
      out_.fail("network.pods", host.name, "none of its pods' networks could be entered: " + view.error,
                "`kubectl get pods -A -o wide` says that they run: look at containerd there");
      return;
    }
    const bool is_policed = policed(view.address);
    const std::string who = base::format("its pod {} ({})", title(view.address), view.address);
    if (answer.names)
      say("names.pods", host, view.names, who + " gets an answer of the name service",
          who + " gets no answer of the cluster's name service: ", is_policed);
    if (!cluster_.api_service.empty())
      say("network.services", host, view.service,
          base::format("{} reaches the service {}:443", who, cluster_.api_service),
          base::format("{} does not reach the service {}:443: ", who, cluster_.api_service), is_policed);
    judge_targets(host, view, who, is_policed);
  }

 private:
  void say(std::string_view id, const HostLook& host, const std::string& trouble, std::string good, std::string bad,
           bool is_policed) {
    if (trouble.empty())
      out_.ok(id, host.name, std::move(good));
    else
      out_.add(is_policed ? Verdict::warn : Verdict::fail, id, host.name,
               std::move(bad) + trouble + (is_policed ? std::string(kPolicies) : ""));
  }

  // A node is reached if one of its pods is.
  void judge_targets(const HostLook& host, const node::HostAnswer::PodView& view, const std::string& who,
                     bool is_policed) {
    struct Reached {
      bool any = false, all_policed = true;
      std::string error;
    };
    std::map<std::string, Reached> nodes;
    for (const auto& target : view.targets) {
      auto& reached = nodes[target.node];
      reached.any = reached.any || target.error.empty();
      reached.all_policed = reached.all_policed && policed(target.address);
      reached.error = base::format("{} on {} ({})", title(target.address), target.node, target.error);
    }
    if (nodes.empty()) {
      out_.ok("network.pods", host.name, "no other node has a pod with a network of its own");
      return;
    }
    std::vector<std::string> lost;
    bool all_policed = true;
    for (const auto& [node, reached] : nodes) {
      if (reached.any) continue;
      lost.push_back(reached.error);
      all_policed = all_policed && reached.all_policed;
    }
    if (lost.empty()) {
      out_.ok("network.pods", host.name, base::format("{} reaches pods on {} other nodes", who, nodes.size()));
      return;
    }
    const bool may_be_forbidden = is_policed || all_policed;
    out_.add(may_be_forbidden ? Verdict::warn : Verdict::fail, "network.pods", host.name,
             base::format("{} gets no answer from {} of {} other nodes: {}{}", who, lost.size(), nodes.size(),
                          some_of(lost, kMostNamed), may_be_forbidden ? kPolicies : ""));
  }

  bool policed(const std::string& address) const {
    const auto pod = by_address_.find(address);
    return pod != by_address_.end() && cluster_.policed.contains(pod->second->space);
  }
  std::string title(const std::string& address) const {
    const auto pod = by_address_.find(address);
    return pod == by_address_.end() ? std::string("of unknown name") : pod->second->title();
  }

  const ClusterLook& cluster_;
  Observations& out_;
  std::map<std::string, const PodRow*> by_address_;
};

}  // namespace

void judge_networks(const Look& look, Observations& out) {
  if (!look.cluster) return;
  Judge judge(*look.cluster, out);
  for (const auto* host : telling(look)) {
    if (host->answer) judge.judge(*host);
  }
}

}  // namespace sealift::inspection
