// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/existing_site.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/kubeconfig.h"
#include "runtime/inspection/gather.h"
#include "runtime/steps/existing_cluster.h"
#include "runtime/steps/kubectl.h"

namespace sealift::delivery {
namespace {

// With exactly this kubeconfig, whatever an earlier delivery has left. A given one comes by standard input.
Result<std::string> ask(host::HostView& host, const config::ExistingCluster& existing, std::vector<std::string> words,
                        const CancelToken& cancel) {
  const bool is_given = !existing.kubeconfig.empty();
  base::Command command{{"kubectl", base::format("--kubeconfig={}", is_given ? "/dev/stdin" : steps::kAdminKubeconfig),
                         "--request-timeout=20s", "get"},
                        {std::string(host::kNoOtherCluster), std::string(steps::kKubeHome)},
                        "/",
                        Duration{60'000}};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  base::CommandIo io;
  if (is_given) io.input = base::as_bytes(existing.kubeconfig.reveal());
  return base::output_of(command, host.query(command, io, cancel));
}

// "v1.34.4-eks-7f9249a" and "v1.34.4+k3s1" are 1.34.4 to an artifact.
Result<std::string> read_version(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text, steps::kHostJson));
  SEALIFT_ASSIGN(const auto version, value.text("gitVersion"));
  return version.substr(0, version.find_first_of("-+"));
}

bool is_gone(ErrorCode code) {
  return code == ErrorCode::unreachable || code == ErrorCode::timeout || code == ErrorCode::cancelled;
}

Result<void> check_login(host::HostView& host, const config::HostConfig& of, const config::ExistingCluster& existing) {
  if (!existing.kubeconfig.empty()) return {};
  SEALIFT_ASSIGN(const auto admin, host.stat(std::string(steps::kAdminKubeconfig)));
  if (admin) return {};
  return fail(ErrorCode::preflight,
              "{} has no {}, with which the applications would be installed: name a kubeconfig in cluster.yaml "
              "(existing.kubeconfig), or put a control plane of the cluster first",
              of.address, steps::kAdminKubeconfig);
}

}  // namespace

Result<void> check_existing(const format::Contents& contents, const config::ClusterConfig& config) {
  if (!config.existing || !contents.base_document) return {};
  return fail(ErrorCode::invalid_config,
              "{}:{}:{}: the artifact has a Kubernetes base and would make a cluster, but the cluster is there "
              "(\"existing\"): deliver an artifact without a base (FROM scratch), or take the field out",
              config.path, config.existing->place.line, config.existing->place.column);
}

Result<void> refuse_existing(const config::ClusterConfig& config, std::string_view command, std::string_view instead) {
  if (!config.existing) return {};
  return fail(ErrorCode::unsupported, "`{}` is for clusters that Sealift made, and this one was there ({}:{}); {}",
              command, config.path, config.existing->place.line, instead);
}

const KnownNode* ExistingSite::find(const config::HostConfig& config, const host::Facts& facts) const {
  auto found = std::ranges::find_if(nodes, [&](const KnownNode& node) {
    return !node.ip.empty() && std::ranges::contains(facts.addresses, node.ip, &host::Facts::Address::address);
  });
  if (found == nodes.end())
    found = std::ranges::find(nodes, base::to_lower(config.name.value_or(facts.hostname)), &KnownNode::name);
  return found == nodes.end() ? nullptr : &*found;
}

Result<ExistingSite> look_at_existing(host::HostView& host, const config::HostConfig& of,
                                      const config::ClusterConfig& config, const CancelToken& cancel) {
  const auto& existing = *config.existing;
  SEALIFT_TRY(check_login(host, of, existing));
  const auto asked = [&]() -> Result<ExistingSite> {
    ExistingSite out;
    SEALIFT_ASSIGN(const auto version, ask(host, existing, {"--raw", "/version"}, cancel));
    SEALIFT_ASSIGN(out.version, read_version(version));
    SEALIFT_ASSIGN(const auto nodes, ask(host, existing, {"nodes", "-o", "json"}, cancel));
    SEALIFT_ASSIGN(out.nodes, read_nodes(nodes));
    return out;
  };
  auto out = asked();
  if (out || is_gone(out.error().code)) return out;
  return fail(ErrorCode::preflight,
              "the cluster could not be asked from {} ({}); kubectl must be in its PATH, and {} must be allowed to see "
              "the nodes and to install the applications",
              of.address, inspection::last_line(out.error().what),
              existing.kubeconfig.empty() ? steps::kAdminKubeconfig : std::string_view(existing.kubeconfig_file));
}

Result<std::string> version_of_existing(host::HostView& host, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto text, steps::kubectl_get(host, {"get", "--raw", "/version"}, cancel));
  return read_version(text);
}

Result<steps::Node> node_of(const KnownNode& known, const config::HostConfig& config, const host::Facts& facts) {
  auto named = config;
  named.name = known.name;
  auto own = facts;  // a node has many addresses; the cluster knows which one the others reach
  if (std::ranges::contains(own.addresses, known.ip, &host::Facts::Address::address))
    std::erase_if(own.addresses, [&](const auto& address) { return address.address != known.ip; });
  SEALIFT_ASSIGN(auto out, steps::make_node(named, std::move(own)));
  out.config = config;
  out.facts = facts;
  return out;
}

std::vector<checks::Finding> judge_node(const KnownNode* known, const std::string& name) {
  if (known == nullptr)
    return {{"site.nodes", name, checks::Severity::blocks,
             "is no node of the cluster: its API knows none with this name or one of its addresses",
             "take the host out of cluster.yaml, or let it join the cluster first"}};
  if (known->runtime.empty() || known->runtime.starts_with("containerd:")) return {};
  return {{"site.nodes", name, checks::Severity::blocks,
           base::format("runs its containers with {}, and Sealift serves images to containerd alone",
                        base::printable(known->runtime, 100)),
           "take the host out of cluster.yaml"}};
}

}  // namespace sealift::delivery
