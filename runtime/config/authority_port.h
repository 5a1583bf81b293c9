// SPDX-License-Identifier: Apache-2.0
//
// Where the cluster's certificate authority listens: the port after the registry's, on the control plane that has its
// key. So it needs no field of its own.
#pragma once

#include "runtime/config/cluster_config.h"

namespace sealift::config {

// 0 after the last one, which is refused when cluster.yaml is read.
constexpr uint16_t authority_port(const RegistryConfig& registry) { return static_cast<uint16_t>(registry.port + 1); }

}  // namespace sealift::config
