// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/init_step.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/kubeadm_site.h"

using namespace sealift;
using engine::StepState;
using tests::FakeMachine;
using tests::kInitRemains;
using tests::KubeadmSite;

TEST_CASE("kubeadm init: its documents, one job, and two records") {
  KubeadmSite cluster;
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  auto& bench = cluster.control_plane;
  bench.bring(step);
  CHECK(cluster.inits == 1);
  CHECK(cluster.resets == 0);
  CHECK(bench.text("/etc/sealift/kubeadm-init.yaml") == "the documents");
  CHECK(bench.machine.world.files.at("/etc/sealift/kubeadm-init.yaml").spec.mode == 0600);
  CHECK(bench.change("kubeadm init")
            .starts_with("job sealift-kubeadm-init: kubeadm init --config /etc/sealift/kubeadm-init.yaml"));
  CHECK(bench.change("kubeadm init").contains("--skip-phases=show-join-command"));
  cluster.is_recorded(step);
  // A cluster is made once: changed documents are no reason for another.
  steps::InitStep other(cluster.model(), cluster.control_plane_node(), "other documents");
  CHECK(bench.check(other) == StepState::done);
  // One missing file is no reason either: a cluster's data is not deleted for it.
  bench.machine.world.files.erase(std::string(steps::kAdminKubeconfig));
  auto context = bench.context(step);
  const auto refused = step.check(context.looking());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("admin.conf is gone from cp1"));
  CHECK(refused.error().text().contains("kubeadm init phase kubeconfig admin"));
  // but a host without any remains gets one
  for (const auto* path : kInitRemains) bench.machine.world.files.erase(path);
  CHECK(bench.check(step) == StepState::needed);
}

TEST_CASE("kubeadm init: a cluster that another kubeadm made, with other documents, is not taken for the wanted one") {
  KubeadmSite cluster;
  auto& bench = cluster.control_plane;
  for (const auto* path : kInitRemains) bench.put(path);
  bench.put(std::string(steps::kAdminKubeconfig));
  cluster.proxy = true;
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  bench.put("/etc/sealift/kubeadm-init.yaml", "other documents");
  SECTION("its end was not seen") {
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.inits == 1);
  }
  SECTION("it still runs: waited for by the host itself") {
    bench.machine.world.units["sealift-kubeadm-init.service"].active = true;
    REQUIRE(bench.apply(step));
    CHECK(cluster.resets == 0);
    CHECK(bench.text("/etc/sealift/kubeadm-init.yaml") ==
          "other documents");  // it reads these; a later run must know them
  }
  SECTION("it was given the same") {
    bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
    bench.bring(step);
    CHECK(cluster.inits + cluster.resets == 0);
  }
}

TEST_CASE("kubeadm init: a connection that breaks at any call costs neither a second init nor a reset") {
  uint64_t calls = 0;
  FakeMachine::World whole{};
  {
    KubeadmSite cluster;
    steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
    const uint64_t before = cluster.control_plane.machine.calls();
    REQUIRE(cluster.control_plane.apply(step));
    calls = cluster.control_plane.machine.calls() - before;
    whole = cluster.control_plane.machine.world;
  }
  REQUIRE(calls > 8);
  for (const auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (uint64_t call = 1; call <= calls; ++call) {
      INFO("call " << call << (when == FakeMachine::When::after ? " after" : " before"));
      KubeadmSite cluster;
      steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
      auto& bench = cluster.control_plane;
      bench.machine.break_at_call(call, when);
      const auto broken = bench.apply(step);
      REQUIRE_FALSE(broken);
      CHECK(broken.error().code == ErrorCode::unreachable);
      bench.connect();
      if (bench.check(step) == StepState::needed) {
        const auto again = bench.apply(step);
        if (!again) FAIL(again.error().text());
      }
      CHECK(cluster.inits == 1);
      CHECK(cluster.resets == 0);
      CHECK(bench.machine.world == whole);
      cluster.is_recorded(step);
    }
  }
}

TEST_CASE("kubeadm init: a job that still runs is waited for, not begun anew") {
  KubeadmSite cluster;
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  auto& bench = cluster.control_plane;
  bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
  for (const auto* path : kInitRemains) bench.put(path);  // the remains of an interrupted job
  bench.machine.world.units["sealift-kubeadm-init.service"].active = true;
  REQUIRE(bench.apply(step));
  CHECK(cluster.resets == 0);
  CHECK(bench.changed("job sealift-kubeadm-init") == 1);
  cluster.is_recorded(step);
}

TEST_CASE("kubeadm init: what a killed one left is taken away first") {
  for (const auto* path : kInitRemains) {
    INFO(path);
    KubeadmSite cluster;
    steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
    auto& bench = cluster.control_plane;
    bench.put(path);
    bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.inits == 1);
    CHECK(bench.change("reset").starts_with("job sealift-kubeadm-reset: "));
    CHECK(bench.events.count(base::EventKind::message) == 1);
  }
  // killed between the admin kubeconfig and the add-ons: half a cluster too
  KubeadmSite cluster;
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  for (const auto* path : kInitRemains) cluster.control_plane.put(path);
  cluster.control_plane.put(std::string(steps::kAdminKubeconfig));
  cluster.control_plane.put("/etc/sealift/kubeadm-init.yaml", "the documents");
  cluster.control_plane.bring(step);
  CHECK(cluster.resets == 1);
  CHECK(cluster.inits == 1);
}

TEST_CASE("kubeadm init: what another kubeadm left here is nobody's to take away") {
  for (const auto* path : kInitRemains) {
    INFO(path);
    KubeadmSite cluster;
    steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
    auto& bench = cluster.control_plane;
    bench.put(path);
    const auto before = bench.machine.world;
    const auto refused = bench.apply(step);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::preflight);
    CHECK(refused.error().text().contains(base::format("cp1 holds {}", path)));
    CHECK(refused.error().text().contains("remove that cluster first"));
    CHECK(bench.machine.world == before);
    CHECK(cluster.inits + cluster.resets == 0);
  }
}

TEST_CASE("kubeadm init: a cluster that stands is only recorded") {
  KubeadmSite cluster;
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  auto& bench = cluster.control_plane;
  bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
  for (const auto* path : kInitRemains) bench.put(path);
  bench.put(std::string(steps::kAdminKubeconfig));
  cluster.proxy = true;
  bench.bring(step);
  CHECK(cluster.inits + cluster.resets == 0);
  cluster.is_recorded(step);
  CHECK(bench.changed("") == 3);  // including the sync
}

TEST_CASE("kubeadm init: a cluster that answers and has lost the contents of a file is made again") {
  for (const auto* path : {"/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/pki/sa.key",
                           "/etc/kubernetes/pki/etcd/ca.key", "/etc/kubernetes/manifests/kube-scheduler.yaml",
                           "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/pki/kubelet.crt"}) {
    INFO(path);
    KubeadmSite cluster;
    steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
    auto& bench = cluster.control_plane;
    for (const auto* remains : kInitRemains) bench.put(remains);
    bench.put(std::string(steps::kAdminKubeconfig));
    bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
    bench.put(path, "");
    cluster.proxy = true;
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.inits == 1);
  }
}

TEST_CASE("kubeadm init: its failure is told with its last lines, and nothing is recorded") {
  KubeadmSite cluster;
  cluster.init_fails = "[ERROR Port-6443]: Port 6443 is in use";
  steps::InitStep step(cluster.model(), cluster.control_plane_node(), "the documents");
  const auto done = cluster.control_plane.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().text().contains("Port 6443 is in use"));
  CHECK(cluster.control_plane.machine.world.recorded.empty());
  CHECK(cluster.control_plane.check(step) == StepState::needed);
}
