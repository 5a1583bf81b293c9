// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/control_plane.h"

#include "runtime/host/artifact_record.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/existing_cluster.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/join_step.h"

namespace sealift::delivery {
namespace {

Result<void> check_cluster(host::HostView& host, const config::HostConfig& config,
                           const config::ClusterConfig& cluster) {
  SEALIFT_ASSIGN(const auto login, host.stat(std::string(steps::kubeconfig_path(cluster))));
  if (login) return {};
  if (cluster.existing)
    return fail(ErrorCode::not_found, "nothing was delivered to {} yet; deliver it with --config", config.address);
  return fail(ErrorCode::not_found, "there is no cluster on {} yet; deliver it with --config", config.address);
}

}  // namespace

Result<FoundControlPlanes> find_control_planes(Input& input) {
  std::vector<config::HostConfig> wanted;
  for (const auto& host : input.config.hosts) {
    if (host.role == format::HostRole::control_plane) wanted.push_back(host);
  }
  if (wanted.empty()) return fail(ErrorCode::invalid_config, "no host has the role control-plane");
  auto connections = input.connector.connect(wanted, host::Purpose::look);
  FoundControlPlanes out;
  for (size_t i = 0; i < wanted.size(); ++i) {
    auto& host = connections[i].host;
    const auto looked = host ? check_cluster(**host, wanted[i], input.config) : Result<void>(fail(host.error()));
    if (looked)
      out.there.push_back({wanted[i], std::move(*host)});
    else
      out.absent.emplace_back(wanted[i], looked.error());
  }
  if (out.there.empty()) return fail(out.absent.front().second);
  return out;
}

int Membership::rank() const {
  if (made) return 0;
  if (joined) return keeps_payload ? 1 : 2;
  return was_begun ? 3 : 4;
}

Result<Membership> look_at_membership(host::HostView& host) {
  SEALIFT_ASSIGN(const auto served, host.recorded(std::string(steps::kBeforeStepOfExisting)));
  SEALIFT_ASSIGN(const auto made, host.recorded(std::string(steps::kInitStep)));
  SEALIFT_ASSIGN(const auto joined, host.recorded(std::string(steps::kJoinStep)));
  SEALIFT_ASSIGN(const auto records, host.list(std::string(host::kArtifactRecords)));
  SEALIFT_ASSIGN(const auto begun, host.stat(std::string(steps::kInitConfiguration)));
  if (served) {  // a node of a cluster that was there; the one that installed the applications goes on doing so
    SEALIFT_ASSIGN(const auto apps, host.records(std::string(steps::kAppSteps)));
    return Membership{!apps.empty(), true, !records.empty(), false};
  }
  return Membership{made.has_value(), joined.has_value(), !records.empty(), begun.has_value()};
}

}  // namespace sealift::delivery
