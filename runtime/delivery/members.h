// SPDX-License-Identifier: Apache-2.0
//
// The hosts of cluster.yaml beside the nodes that a cluster really has, before some of them leave. Internal to this
// library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"
#include "runtime/delivery/known_nodes.h"
#include "runtime/steps/etcd.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// A host of cluster.yaml. Of one that is away, the node is what the cluster knows, without facts.
struct MemberHost {
  steps::Node node;
  std::shared_ptr<host::Host> host;  // null: away
  std::optional<Error> away;
  bool worked_on = false;      // has a ledger
  bool keeps_payload = false;  // of a control plane: it has a payload, or its charts
  bool serves = false;         // other hosts get images from it
  // A control plane's own; of one that uses the site's etcd: nobody, if its API server is ready.
  Result<std::vector<steps::EtcdMember>> etcd = fail(ErrorCode::not_found, "not asked");
};

struct Members {
  std::vector<MemberHost> hosts;  // in the order of cluster.yaml
  std::vector<KnownNode> nodes;   // of the API
  std::vector<steps::EtcdMember> of_etcd;
  const KnownNode* known(const steps::Node& node) const;            // null: it is no node
  const steps::EtcdMember* in_etcd(const steps::Node& node) const;  // null: it is no member
  bool is_in_cluster(const steps::Node& node) const { return known(node) != nullptr || in_etcd(node) != nullptr; }
};

// Connects to all hosts; to those of these names or addresses to undo, to the others to change. Errors: a refused
// login; preflight if no etcd answers; those of the API.
Result<Members> look_at_members(Input& input, const std::vector<std::string>& to_undo);

}  // namespace sealift::delivery
