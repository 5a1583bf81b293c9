// SPDX-License-Identifier: Apache-2.0
//
// The members of etcd's cluster, through the JSON API of the etcd on this host (etcd's gRPC gateway, on its client port
// since etcd 3.3), with the client's certificate that kubeadm makes for health checks.
// Source: etcd, "gRPC gateway", and api/etcdserverpb/rpc.proto.
#pragma once

#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::node {

struct EtcdAccess {
  std::string folder = "/etc/kubernetes/pki/etcd";  // with ca.crt and healthcheck-client.{crt,key}
  std::string host = "127.0.0.1";
  uint16_t port = 2379;
};

// {"members":[{"id":"…","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"learner":false}]}: asked of a quorum, so an
// answer is a proof of one. Errors: those of the connection; command_failed with what etcd says.
Result<std::string> etcd_members(const EtcdAccess& access);
// `id`: as above. Errors: likewise; a member that is gone already is no error.
Result<void> etcd_remove(const EtcdAccess& access, std::string_view id);

// The answer of etcd, as etcd_members() returns it. Errors: protocol.
Result<std::string> members_of_answer(std::string_view json);

}  // namespace sealift::node
