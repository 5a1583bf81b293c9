// SPDX-License-Identifier: Apache-2.0
//
// Takes nodes out of a running cluster, and what was delivered off their hosts.
#pragma once

#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct RemoveOptions {
  std::vector<std::string> names;  // nodes or hosts, by name or address; one that stands twice counts once
  bool dead = false;               // all of them will never answer again: only the cluster forgets them
  bool force = false;              // drain although something is lost by that
  Duration timeout{300'000};       // of each drain
};

// The outcome lists those that were to leave, and others only if something failed there. A removal that was cut is
// finished by the same call. Errors before anything is changed: not_found for what is no node of the cluster;
// unreachable for a host that does not answer, without `dead`; preflight for one that does, with it, and for control
// planes that etcd can't spare; a refused login.
Result<Outcome> remove(Input& input, const RemoveOptions& options);

}  // namespace sealift::delivery
