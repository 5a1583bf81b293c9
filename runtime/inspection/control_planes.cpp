// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

std::vector<std::string> components(const config::ClusterConfig& config) {
  std::vector<std::string> out{"kube-apiserver", "kube-controller-manager", "kube-scheduler"};
  if (!config.external_etcd) out.emplace_back("etcd");
  return out;
}

// The API knows a static pod by the name of its component and its node.
void judge_static_pods(const HostLook& host, const ClusterLook& cluster, const config::ClusterConfig& config,
                       Observations& out) {
  std::map<std::string, const PodRow*> pods;
  for (const auto& pod : cluster.pods) {
    if (pod.space == "kube-system" && pod.node == host.name) pods[pod.name] = &pod;
  }
  bool all_well = true;
  for (const auto& component : components(config)) {
    const auto found = pods.find(component + "-" + host.name);
    if (found != pods.end() && found->second->ready) continue;
    all_well = false;
    if (found == pods.end()) {
      out.fail(
          "control-plane.pods", host.name, base::format("the API knows no pod of its {}", component),
          base::format("`apply` writes /etc/kubernetes/manifests/{}.yaml again if it is gone; `journalctl -u kubelet` "
                       "says what else is wrong",
                       component));
      continue;
    }
    const auto event = cluster.events.find("Pod " + found->second->title());
    out.fail("control-plane.pods", host.name,
             base::format("{} is not ready{}", component,
                          event == cluster.events.end() ? std::string() : ": " + event->second));
  }
  if (all_well) out.ok("control-plane.pods", host.name, base::join(components(config), ", ") + " are ready");
}

}  // namespace

void judge_control_planes(const Look& look, const Wishes& wishes, Observations& out) {
  for (const auto* host : telling(look)) {
    if (!host->is_control_plane()) continue;
    if (host->api_down)
      out.fail("control-plane.api", host->name, "its API server does not answer: " + *host->api_down);
    else
      out.ok("control-plane.api", host->name, "its API server answers");
    if (look.cluster && !look.cluster->pods.empty()) judge_static_pods(*host, *look.cluster, wishes.config, out);
  }
  if (!look.cluster) {
    out.fail("control-plane.api", "the cluster",
             "no API server answers through the balancer of a control plane that can be reached: nodes, networks and "
             "applications could not be asked about");
    return;
  }
  for (const auto& trouble : look.cluster->troubles)
    out.fail("control-plane.api", "the cluster", "could not be asked about " + trouble);
}

}  // namespace sealift::inspection
