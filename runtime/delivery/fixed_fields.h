// SPDX-License-Identifier: Apache-2.0
//
// Fields of cluster.yaml that can't change once a cluster exists. They are compared with the files that kubeadm and the
// delivery left on the hosts, not with anything remembered on the launch machine. It needs no API and changes nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/steps/model.h"

namespace sealift::delivery {

// A host that is a node of a cluster, according to its own files. Values missing there are absent and not compared.
struct StandingNode {
  format::HostRole role = format::HostRole::worker;
  std::optional<std::string> name, ip;
  std::optional<std::string> api_local_port;  // of the balancer that the kubelet (or kubeadm) was configured with
  // of a control plane
  std::optional<std::string> cluster_name, pods, services, dns_domain, api_port, etcd_servers, data_root;
  std::set<std::string> served;  // Node::served
};

// Nothing if the host is not a node, or if its ledger does not record that kubeadm finished: the kubeadm step handles
// such a host. Errors: those of the host; an unreadable file counts as saying nothing.
Result<std::optional<StandingNode>> read_standing_node(host::HostView& host, const host::Facts& facts);

// The same for a node of a cluster that Sealift did not make: what of it a delivery made.
Result<StandingNode> read_served_node(host::HostView& host, format::HostRole role);

// Every difference, each with its place in cluster.yaml, the value the cluster was made with and the remedy; code
// `unsupported`. `standing` is keyed by HostConfig::address. Errors: invalid_config (kubeadm documents).
Result<std::vector<config::Problem>> changed_fixed_fields(const steps::Model& model,
                                                          const std::map<std::string, StandingNode>& standing);

}  // namespace sealift::delivery
