// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/site_findings.h"

#include <algorithm>
#include <format>

namespace sealift::delivery {

std::optional<checks::Finding> even_control_planes(const steps::Model& model) {
  const auto& config = model.config;
  const auto count =
      static_cast<size_t>(std::ranges::count(config.hosts, format::HostRole::control_plane, &config::HostConfig::role));
  if (count % 2 != 0 || !model.makes_cluster() || config.external_etcd) return std::nullopt;
  return checks::Finding{
      "site.control-planes", "", checks::Severity::warns,
      std::format(
          "of {} control planes {} must be there for etcd's majority, so the cluster bears the loss of {}, as with {}",
          count, count / 2 + 1, count / 2 - 1, count - 1),
      "give the role control-plane to one more host, or to one fewer"};
}

checks::Finding no_network(const steps::Model& model) {
  return {
      "site.network", "", checks::Severity::blocks,
      std::format("the artifact {} brings no pod network, so no node would get Ready", model.payload.artifact_name()),
      "write CNI instead of APP before the network's application in the Kubefile and build again"};
}

}  // namespace sealift::delivery
