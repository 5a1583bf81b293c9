// SPDX-License-Identifier: Apache-2.0
//
// The nodes of a cluster as its API knows them. Internal to this library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/cancel.h"
#include "runtime/host/host.h"

namespace sealift::delivery {

struct KnownNode {
  std::string name, ip;  // its InternalIP; empty if it has none
  bool is_control_plane = false;
  bool is_ready = false;
  std::string runtime = {};  // "containerd://2.1.4"
};
// A List of nodes as JSON. Errors: protocol.
Result<std::vector<KnownNode>> read_nodes(std::string_view list);
// Errors: those of kubectl; protocol.
Result<std::vector<KnownNode>> ask_for_nodes(host::HostView& control_plane, const CancelToken& cancel);

}  // namespace sealift::delivery
