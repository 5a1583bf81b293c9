// SPDX-License-Identifier: Apache-2.0
//
// Is the cluster as a delivery must leave it? The one judgement used by the end of a delivery, a second run and
// `status`, based on what the API says of nodes and workloads. Pure; it makes no requests.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/kube/health.h"

namespace sealift::kube {

// The API's answers, as `kubectl get -o json` prints them: Lists, or nothing.
struct ClusterObjects {
  json::Value nodes;      // Node
  json::Value workloads;  // Deployment, StatefulSet, DaemonSet of all namespaces
  json::Value pods;       // at least those of kube-system; others explain why their workloads are unhealthy
};

// One judged object. Nodes that are neither in `expected` nor Ready count as gone: they are reported with `counts`
// false, and pods missing because of them do not make a workload unhealthy.
struct Judged {
  Health health;                        // subject: "node w1", "Deployment kube-system/coredns"
  std::string where;                    // namespace, or empty
  std::string detail;                   // for people, also if healthy: "v1.34.4 10.7.0.21", "2 of 2"
  const json::Value* object = nullptr;  // within the given ClusterObjects
  bool counts = true;                   // false: reported, but does not make the cluster unhealthy
};

// Nodes first, then static pods (the control plane's own), then workloads, each in the API's order. `expected`: the
// nodes that must be Ready; an expected node unknown to the API is judged too.
std::vector<Judged> judge_cluster(const ClusterObjects& objects, const std::set<std::string>& expected);

}  // namespace sealift::kube
