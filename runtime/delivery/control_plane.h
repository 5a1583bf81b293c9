// SPDX-License-Identifier: Apache-2.0
//
// The control plane to ask about a cluster, before its hosts have been inspected.
#pragma once

#include <memory>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

// Errors: invalid_config if no host is one.
Result<config::HostConfig> a_control_plane(const config::ClusterConfig& config);

// Connects to look. Errors: not_found if no cluster was made on it yet; else the connection's.
Result<std::unique_ptr<host::Host>> look_at_control_plane(Input& input, const config::HostConfig& host);

}  // namespace sealift::delivery
