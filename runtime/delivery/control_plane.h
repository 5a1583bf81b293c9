// SPDX-License-Identifier: Apache-2.0
//
// Control planes as they are found, before their hosts have been inspected.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct ControlPlane {
  config::HostConfig config;
  std::unique_ptr<host::Host> host;
  std::string name() const { return config.name.value_or(config.address); }
};
struct FoundControlPlanes {
  std::vector<ControlPlane> there;                           // in a cluster, in the order of cluster.yaml; never empty
  std::vector<std::pair<config::HostConfig, Error>> absent;  // unreachable, or in no cluster
};
// Connects to all of them, to look. Errors: invalid_config if no host is one; of the first that is absent, if all are:
// not_found if no cluster was made on it yet, else the connection's.
Result<FoundControlPlanes> find_control_planes(Input& input);

// How a control plane belongs to the cluster that cluster.yaml means.
struct Membership {
  bool made = false, joined = false;  // by kubeadm init, by kubeadm join
  bool keeps_payload = false;         // it is a registry host
  bool was_begun = false;             // kubeadm init was about to make the cluster here
  // The lowest comes first: what a cluster has stays where it is, wherever new hosts stand in cluster.yaml.
  int rank() const;
};
Result<Membership> look_at_membership(host::HostView& host);

}  // namespace sealift::delivery
