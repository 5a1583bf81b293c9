// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/site_findings.h"

#include <algorithm>

#include "payload/base/format.h"

namespace sealift::delivery {

std::optional<checks::Finding> even_control_planes(const steps::Model& model) {
  const auto& config = model.config;
  const auto count =
      static_cast<size_t>(std::ranges::count(config.hosts, format::HostRole::control_plane, &config::HostConfig::role));
  if (count % 2 != 0 || !model.makes_cluster() || config.external_etcd) return std::nullopt;
  return checks::Finding{
      "site.control-planes", "", checks::Severity::warns,
      base::format(
          "of {} control planes {} must be there for etcd's majority, so the cluster bears the loss of {}, as with {}",
          count, count / 2 + 1, count / 2 - 1, count - 1),
      "give the role control-plane to one more host, or to one fewer"};
}

checks::Finding no_network(const steps::Model& model) {
  return {
      "site.network", "", checks::Severity::blocks,
      base::format("the artifact {} brings no pod network, so no node would get Ready", model.payload.artifact_name()),
      "write CNI instead of APP before the network's application in the Kubefile and build again"};
}

std::vector<std::string> registry_moves(const steps::Model& model) {
  const auto& records = model.before && model.before->is_base ? *model.before : host::ArtifactRecord{.is_base = true};
  std::vector<std::string> out;
  // By default it is the first control planes: one that has come or gone makes no difference that anybody wrote down.
  const bool is_default =
      model.config.registry.on == config::RegistryConfig::Hosts::control_planes && !model.config.registry.external;
  for (const auto& node : model.nodes) {
    const bool serves = node.served.contains(records.file_name()), wanted = model.is_registry_host(node);
    const bool is_plain = is_default && node.is_control_plane();
    if (node.stands && serves != wanted && !is_plain) out.push_back(node.name);
  }
  return out;
}

std::vector<checks::Finding> unmoved_registry(const steps::Model& model) {
  std::vector<checks::Finding> out;
  for (const auto& name : registry_moves(model)) {
    out.push_back({"site.registry", name, checks::Severity::blocks,
                   "is a registry host and is not to be one, or the reverse, as cluster.yaml says under registry",
                   "apply the artifact that made the cluster first: it moves the registry"});
  }
  return out;
}

}  // namespace sealift::delivery
