// SPDX-License-Identifier: Apache-2.0
//
// The control plane that questions about a cluster go to, before its hosts have been looked at.
#pragma once

#include <memory>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

// invalid_config if no host is one.
Result<config::HostConfig> a_control_plane(const config::ClusterConfig& config);

// Connected to look. not_found if no cluster was made on it yet; else the connection's error.
Result<std::unique_ptr<host::Host>> look_at_control_plane(Input& input, const config::HostConfig& host);

}  // namespace sealift::delivery
