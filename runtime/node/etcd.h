// SPDX-License-Identifier: Apache-2.0
//
// etcd through its JSON API (etcd's gRPC gateway, on its client port since etcd 3.3): the members of the cluster that
// runs on the control planes, and what an etcd of the site holds. No other program is needed for it on hosts.
// Source: etcd, "gRPC gateway", and api/etcdserverpb/rpc.proto.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "runtime/node/host_check.h"

namespace sealift::node {

struct EtcdAccess {
  std::vector<std::string> endpoints;  // "https://10.7.0.51:2379"
  std::string authority, certificate;  // PEM
  Secret key;
};
// The etcd beside this host's API server, with the client's certificate that kubeadm makes for health checks. Errors:
// not_found, with the file.
Result<EtcdAccess> etcd_of_control_plane(const std::string& folder = "/etc/kubernetes/pki/etcd");
// The site's own, with the files that a control plane keeps for it: ca.crt, client.crt, client.key.
Result<EtcdAccess> etcd_of_site(const std::string& folder, std::vector<std::string> endpoints);
// {"endpoints":[…],"ca":"…","certificate":"…","key":"…"}; the text is overwritten. Errors: protocol.
Result<EtcdAccess> etcd_of_input(std::string text);

// --- the members; asked of the first endpoint ---

// {"members":[{"id":"…","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"learner":false}]}: asked of a quorum, so an
// answer is a proof of one. Errors: those of the connection; command_failed with what etcd says.
Result<std::string> etcd_members(const EtcdAccess& access);
// `id`: as above. Errors: likewise; a member that is gone already is no error.
Result<void> etcd_remove(const EtcdAccess& access, std::string_view id);
// If this member leads: the one with that id does from then on, and no election is needed when this one leaves.
Result<void> etcd_hand_over(const EtcdAccess& access, std::string_view id);
// How the member at the first endpoint is. Errors: as above; what it does not tell of how fast its disk is, is 0.
Result<HostAnswer::Etcd> etcd_status(const EtcdAccess& access);
// The time within which 99 % of the writes of etcd's log were on the disk, in microseconds, from its metrics
// (etcd_disk_wal_fsync_duration_seconds, a histogram since its start); 0 if they don't say.
uint64_t fsync_time(std::string_view metrics);
// The answer of etcd, as etcd_members() returns it. Errors: protocol.
Result<std::string> members_of_answer(std::string_view json);

// --- what it holds below a prefix ("/registry/") ---

// {"endpoints":[{"endpoint":"https://…","version":"3.6.5"},{"endpoint":"…","error":"…"}],"objects":0}: each endpoint is
// asked; "objects" is missing if none could say.
std::string look_at_etcd(const EtcdAccess& access, const std::string& prefix);
// Deletes it all. Returns how many there were.
Result<uint64_t> clear_etcd(const EtcdAccess& access, const std::string& prefix);

}  // namespace sealift::node
