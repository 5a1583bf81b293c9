// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/control_plane.h"

#include <algorithm>

#include "runtime/steps/model.h"

namespace sealift::delivery {

Result<config::HostConfig> a_control_plane(const config::ClusterConfig& config) {
  const auto found = std::ranges::find(config.hosts, format::HostRole::control_plane, &config::HostConfig::role);
  if (found == config.hosts.end()) return fail(ErrorCode::invalid_config, "no host has the role control-plane");
  return *found;
}

Result<std::unique_ptr<host::Host>> look_at_control_plane(Input& input, const config::HostConfig& host) {
  auto connections = input.connector.connect({host}, host::Purpose::look);
  if (!connections.front().host) return std::unexpected(connections.front().host.error());
  auto out = std::move(*connections.front().host);
  SEALIFT_ASSIGN(const auto admin, out->stat(std::string(steps::kAdminKubeconfig)));
  if (!admin)
    return fail(ErrorCode::not_found, "there is no cluster on {} yet; deliver it with --config", host.address);
  return out;
}

}  // namespace sealift::delivery
