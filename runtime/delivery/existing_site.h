// SPDX-License-Identifier: Apache-2.0
//
// A cluster that Sealift did not make (cluster.yaml, existing), before applications are delivered to it. Internal to
// this library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/checks/preflight.h"
#include "runtime/delivery/delivery.h"
#include "runtime/delivery/known_nodes.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// That artifact and cluster.yaml can be meant together. Errors: invalid_config with the place of the field.
Result<void> check_existing(const format::Contents& contents, const config::ClusterConfig& config);

// For a command that changes what the cluster is made of. Errors: unsupported; nothing if Sealift made the cluster.
Result<void> refuse_existing(const config::ClusterConfig& config, std::string_view command, std::string_view instead);

struct ExistingSite {
  std::string version;  // of its API servers, without what their builder added: "v1.34.4"
  std::vector<KnownNode> nodes;
  // By one of its addresses, else by its name; null if the cluster has no such node.
  const KnownNode* find(const config::HostConfig& config, const host::Facts& facts) const;
};
// Asks the API with the kubeconfig that cluster.yaml names, which leaves no trace on the host, or with that of the
// host. Errors: preflight with what to do.
Result<ExistingSite> look_at_existing(host::HostView& host, const config::HostConfig& of,
                                      const config::ClusterConfig& config, const CancelToken& cancel);
// The version of its API servers, once something was delivered. Errors: those of kubectl; protocol.
Result<std::string> version_of_existing(host::HostView& host, const CancelToken& cancel);

// As the cluster knows it. Errors: see steps::make_node().
Result<steps::Node> node_of(const KnownNode& known, const config::HostConfig& config, const host::Facts& facts);

// What keeps this host from being delivered to. `known`: null if it is no node of the cluster.
std::vector<checks::Finding> judge_node(const KnownNode* known, const std::string& name);

}  // namespace sealift::delivery
