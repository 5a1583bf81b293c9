// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

void cgroups(const Subject& subject, Report& report) {
  if (subject.host.facts.cgroup_version == 0)
    report.found("has no cgroups mounted", "mount them (systemd does so by itself)");
}

void controllers(const Subject& subject, Report& report) {
  const auto& facts = subject.host.facts;
  if (facts.cgroup_version == 0) return;  // kernel.cgroups reports it
  for (const auto* controller : {"cpu", "cpuset", "memory", "pids"}) {
    if (!std::ranges::contains(facts.cgroup_controllers, controller))
      report.found(base::format("lacks the cgroup controller {}", controller));
  }
}

Result<void> feature(const Subject& subject, Report& report, const std::string& name) {
  SEALIFT_ASSIGN(const auto tried, report.of(subject.host.host->try_feature(name)));
  if (tried && !tried->works)
    report.found(base::format("the kernel feature {} does not work ({})", name, tried->detail));
  return {};
}

Result<void> overlay(const Subject& subject, Report& report) { return feature(subject, report, "overlay"); }
Result<void> br_netfilter(const Subject& subject, Report& report) { return feature(subject, report, "br_netfilter"); }
Result<void> nftables(const Subject& subject, Report& report) { return feature(subject, report, "nftables"); }
Result<void> vxlan(const Subject& subject, Report& report) { return feature(subject, report, "vxlan"); }

constexpr auto kChecks = std::to_array<Check>({
    {"kernel.cgroups", "cgroups are mounted", "mount cgroups (systemd does so by itself)", ReadFacts(cgroups),
     to_make_a_node},
    {"kernel.controllers", "the cgroup controllers cpu, cpuset, memory and pids are there",
     "enable them on the kernel's command line", ReadFacts(controllers), to_make_a_node},
    {"kernel.overlay", "an overlay can be mounted on the file system of /var/lib",
     "containers need overlay on the file system of /var/lib: use ext4, or XFS with ftype=1, and a kernel with overlayfs",
     AskHost(overlay), to_make_a_node},
    {"kernel.br_netfilter", "bridged packets reach the packet filter", "install the kernel's module package",
     AskHost(br_netfilter), to_make_a_node},
    {"kernel.nftables", "nftables takes rules",
     "kube-proxy needs nf_tables in the kernel: install the kernel's module package", AskHost(nftables),
     to_make_a_node},
    {"kernel.vxlan", "a VXLAN link can be made",
     "the pod network needs vxlan in the kernel: install the kernel's module package", AskHost(vxlan), to_make_a_node},
});

}  // namespace

std::span<const Check> kernel_checks() { return kChecks; }

}  // namespace sealift::checks
