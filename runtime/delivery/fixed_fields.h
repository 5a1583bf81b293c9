// SPDX-License-Identifier: Apache-2.0
//
// Fields of cluster.yaml that can't change once a cluster stands. They are compared with the cluster as it is: with the
// files that kubeadm and the delivery left on the hosts, not with a memory of the launch machine. It needs no API and
// changes nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/steps/model.h"

namespace sealift::delivery {

// A host that is a node of a cluster, as its own files tell. What a file does not tell is absent, and not compared.
struct StandingNode {
  format::HostRole role = format::HostRole::worker;
  std::optional<std::string> name, ip;
  std::optional<std::string> api_local_port;  // of the balancer that the kubelet (or kubeadm) was given
  // of a control plane
  std::optional<std::string> cluster_name, pods, services, dns_domain, api_port, data_root;
};

// Nothing if the host is no node, or if kubeadm was never seen to come to its end on it: what it left is begun anew.
// Errors: those of the host; a file that can't be understood tells nothing.
Result<std::optional<StandingNode>> read_standing_node(host::HostView& host, const host::Facts& facts);

// Every difference, each with its place in cluster.yaml, the value that the cluster was made with and what to do;
// code `unsupported`. `standing` by HostConfig::address. Errors: invalid_config (kubeadm documents).
Result<std::vector<config::Problem>> changed_fixed_fields(const steps::Model& model,
                                                          const std::map<std::string, StandingNode>& standing);

}  // namespace sealift::delivery
