// SPDX-License-Identifier: Apache-2.0
//
// etcd's members, as a control plane's own etcd tells them. Asked by the agent's program (runtime/node/etcd.h): no
// further program is needed on hosts.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/host.h"

namespace sealift::steps {

struct EtcdMember {
  std::string id;    // a number, as etcd names it
  std::string name;  // of the node; empty: it was added and has never started
  std::vector<std::string> peer_urls;
  bool is_learner = false;  // does not vote yet
  bool is_at(const std::string& ip) const;
};

// Errors: command_failed if etcd does not answer, or has no quorum.
Result<std::vector<EtcdMember>> etcd_members(host::HostView& control_plane, const CancelToken& cancel);
// Refused by etcd if the others would lose their quorum.
Result<void> remove_etcd_member(host::Host& control_plane, const EtcdMember& member, const host::Reason& reason,
                                const CancelToken& cancel);

// If the member of this control plane leads, the one with that id does from then on.
Result<void> hand_etcd_over(host::Host& control_plane, const EtcdMember& to, const host::Reason& reason,
                            const CancelToken& cancel);

}  // namespace sealift::steps
