// SPDX-License-Identifier: Apache-2.0
//
// Is the cluster as a delivery must leave it? The one judgement behind the end of a delivery, a second run and
// `status`, made of what the API says of nodes and workloads. Pure; it asks nobody.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/kube/health.h"

namespace sealift::kube {

// What the API was asked for, as `kubectl get -o json` gives it: Lists, or nothing.
struct ClusterObjects {
  json::Value nodes;      // Node
  json::Value workloads;  // Deployment, StatefulSet, DaemonSet of all namespaces
  json::Value pods;       // at least those of kube-system; others tell why their workloads are not healthy
};

// One judged object. Nodes that are not in `expected` and not Ready count as gone: they are told, as `counts` false,
// and what runs on them is nobody's fault.
struct Judged {
  Health health;                        // subject: "node w1", "Deployment kube-system/coredns"
  std::string where;                    // namespace, or empty
  std::string detail;                   // for people also when healthy: "v1.34.4 10.7.0.21", "2 of 2"
  const json::Value* object = nullptr;  // within the ClusterObjects given
  bool counts = true;                   // false: told, but no reason to call the cluster ill
};

// Nodes first, then static pods (the control plane's own), then workloads, each in the API's order. `expected`: the
// nodes that must be Ready; an expected node that the API does not know is judged too.
std::vector<Judged> judge_cluster(const ClusterObjects& objects, const std::set<std::string>& expected);

}  // namespace sealift::kube
