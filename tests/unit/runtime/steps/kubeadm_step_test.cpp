// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kubeadm_step.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/kubeadm_site.h"

using namespace sealift;
using tests::KubeadmSite;

TEST_CASE("kubeadm: what is recorded has been written to the disks before; what can't be is not recorded") {
  for (const bool works : {true, false}) {
    KubeadmSite cluster;
    steps::InitStep init(cluster.model(), cluster.control_plane_node(), "the documents");
    steps::JoinStep join(cluster.model(), cluster.worker_node());
    for (auto& [bench, step] :
         {std::pair<tests::Bench*, engine::Step*>{&cluster.control_plane, &init}, {&cluster.worker, &join}}) {
      bench->machine.before_change = [&works](const std::string& call, const std::string&) -> Result<void> {
        return call == "sync" && !works ? Result<void>(fail(ErrorCode::io, "Input/output error")) : Result<void>();
      };
      CHECK(bench->apply(*step).has_value() == works);
      CHECK(bench->machine.world.recorded.empty() == !works);
      if (!works) continue;
      const auto& changes = bench->machine.changes;
      const auto at = [&](std::string_view start) {
        return std::ranges::find_if(changes, [&](const std::string& change) { return change.starts_with(start); });
      };
      CHECK(at("sync / ") < at("record "));
      CHECK(at("job sealift-kubeadm") < at("sync / "));
    }
  }
}

TEST_CASE("kubeadm: what is asked of it depends on the hosts") {
  KubeadmSite cluster;
  const auto both = steps::kubeadm_input(cluster.model());
  CHECK(both.control_plane_ips == std::vector<std::string>{"10.7.0.11"});
  CHECK(both.has_workers);
  CHECK_FALSE(both.cgroup_v1);
  KubeadmSite old;
  old.worker.machine.facts.cgroup_version = 1;
  CHECK(steps::kubeadm_input(old.model()).cgroup_v1);
  // A worker left out today will join tomorrow: the control plane keeps its taint.
  KubeadmSite alone;
  const auto& model = alone.model();
  const steps::Model without{model.payload, model.config, model.base, {}, {alone.control_plane_node()}};
  CHECK(steps::kubeadm_input(without).has_workers);
}

TEST_CASE("kubeadm: the ledger learns what a node makes, before kubeadm makes it") {
  KubeadmSite cluster;
  steps::InitStep init(cluster.model(), cluster.control_plane_node(), "the documents");
  steps::JoinStep join(cluster.model(), cluster.worker_node());
  for (auto& [bench, step] :
       {std::pair<tests::Bench*, engine::Step*>{&cluster.control_plane, &init}, {&cluster.worker, &join}}) {
    bench->put(
        "/proc/self/mounts",
        "/dev/sda1 / ext4 rw 0 0\ntmpfs /var/lib/kubelet/pods/1/x tmpfs rw 0 0\ntmpfs /var/lib/kubelet-other tmpfs rw 0 0\n");
    bench->put("/sys/class/net/eth0");
    bench->put("/sys/class/net/lo");
    REQUIRE(bench->apply(*step));
    const auto& ledger = bench->machine.ledger;
    const auto is = [&](const host::Change& change) {
      return std::ranges::find(ledger, change, &host::LedgerEntry::change);
    };
    const auto job = std::ranges::find_if(
        ledger, [](const auto& entry) { return std::holds_alternative<host::CommandRun>(entry.change); });
    CHECK(is(host::MountsMade{"/var/lib/kubelet", {"/var/lib/kubelet/pods/1/x"}}) < job);
    CHECK(is(host::InterfacesMade{{"eth0", "lo"}}) < job);
  }
}
