// SPDX-License-Identifier: Apache-2.0
//
// Other people's clusters and container engines. They are never touched: the remedy is up to the operator.
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

struct Sign {
  const char* path;
  const char* what;
};

Result<void> find_signs(const Subject& subject, Report& report, std::span<const Sign> signs) {
  for (const auto& [path, what] : signs) {
    SEALIFT_ASSIGN(const auto status, report.of(subject.host.host->stat(path)));
    if (status && *status) report.found(base::format("{} ({} exists)", what, path));
  }
  return {};
}

Result<void> clusters(const Subject& subject, Report& report) {
  static constexpr auto kSigns =
      std::to_array<Sign>({{"/etc/kubernetes/kubelet.conf", "is a node of another cluster already"},
                           {"/etc/kubernetes/admin.conf", "is a control plane of another cluster already"},
                           {"/var/lib/rancher", "has k3s or RKE2 on it"},
                           {"/var/lib/k0s", "has k0s on it"}});
  return find_signs(subject, report, kSigns);
}

// The site's etcd may run on a control plane.
Result<void> etcd(const Subject& subject, Report& report) {
  static constexpr auto kSigns = std::to_array<Sign>({{"/var/lib/etcd/member", "holds the data of an etcd"}});
  if (subject.input.config.external_etcd) return {};
  return find_signs(subject, report, kSigns);
}

Result<void> docker(const Subject& subject, Report& report) {
  static constexpr auto kSigns = std::to_array<Sign>({{"/var/lib/docker", "has Docker on it"}});
  return find_signs(subject, report, kSigns);
}

Result<void> containerd(const Subject& subject, Report& report) {
  SEALIFT_ASSIGN(const auto unit, report.of(subject.host.host->unit("containerd.service")));
  if (unit && unit->active == "active") report.found("runs a containerd that Sealift did not install");
  return {};
}

// What containerd's CNI library reads in its folder; other files (a hidden placeholder, a backup) are ignored.
bool is_network_configuration(std::string_view name) {
  return name.ends_with(".conf") || name.ends_with(".conflist") || name.ends_with(".json");
}

Result<void> cni(const Subject& subject, Report& report) {
  SEALIFT_ASSIGN(auto networks, report.of(subject.host.host->list("/etc/cni/net.d")));
  if (!networks) return {};
  std::erase_if(*networks, [](const std::string& name) { return !is_network_configuration(name); });
  if (!networks->empty())
    report.found(base::format("has leftover CNI configuration in /etc/cni/net.d ({})", base::join(*networks, ", ")));
  return {};
}

Result<void> registries(const Subject& subject, Report& report) {
  SEALIFT_ASSIGN(const auto names, report.of(subject.host.host->list("/etc/containerd/certs.d")));
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    if (name != "_default" && !name.starts_with('.'))
      report.found(base::format("has /etc/containerd/certs.d/{}, which would send pulls to the network", name));
  }
  return {};
}

constexpr auto kChecks = std::to_array<Check>({
    {"foreign.cluster", "no other Kubernetes is, or was, on the host", "remove it first, or use another host",
     AskHost(clusters), to_make_a_fresh_node},
    {"foreign.etcd", "no etcd is, or was, on the host, unless it is the site's (etcd.external)",
     "remove its data first, or use another host", AskHost(etcd), to_make_a_fresh_node},
    {"foreign.docker", "no Docker is on the host", "remove it first, or use another host", AskHost(docker),
     to_make_a_fresh_node},
    {"foreign.containerd", "no containerd runs", "remove it first", AskHost(containerd), to_make_a_fresh_node},
    {"foreign.cni", "/etc/cni/net.d holds no pod network", "remove these files", AskHost(cni), to_make_a_fresh_node},
    {"foreign.registries", "containerd has no configuration for single registries", "remove that folder",
     AskHost(registries), to_make_a_fresh_node},
});

}  // namespace

std::span<const Check> foreign_checks() { return kChecks; }

}  // namespace sealift::checks
