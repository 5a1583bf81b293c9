// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/join_step.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/host/ledger_lines.h"
#include "tests/unit/runtime/steps/kubeadm_site.h"

using namespace sealift;
using engine::StepState;
using tests::FakeMachine;
using tests::kJoinRemains;
using tests::kToken;
using tests::KubeadmSite;

TEST_CASE("kubeadm join: with a token of the control plane, which stays nowhere") {
  KubeadmSite cluster;
  cluster.config.hosts[1].taints = {"db=only:NoSchedule"};
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  auto& bench = cluster.worker;
  uint32_t mode = 0;
  bench.machine.before_change = [&](const std::string& call, const std::string&) -> Result<void> {
    if (call == "job") mode = bench.machine.world.files.at("/run/sealift/kubeadm-join.yaml").spec.mode;
    return {};
  };
  bench.bring(step);
  CHECK(cluster.joins == 1);
  CHECK(cluster.resets == 0);
  CHECK(mode == 0600);
  CHECK(cluster.join_document.contains(kToken));
  CHECK(cluster.join_document.contains("10.7.0.12"));
  CHECK(cluster.join_document.contains("NoSchedule"));
  CHECK(bench.machine.world.recorded.at("kubeadm.join") == step.inputs().hex());
  for (auto* machine : {&cluster.control_plane.machine, &bench.machine}) {
    for (const auto& [path, file] : machine->world.files) {
      INFO(path);
      CHECK_FALSE(base::as_text(file.content).contains(kToken));
    }
    for (const auto& change : machine->changes) CHECK_FALSE(change.contains(kToken));
    for (const auto& entry : machine->ledger) CHECK_FALSE(host::ledger_line(entry).contains(kToken));
  }
  CHECK_FALSE(bench.has("/run/sealift/kubeadm-join.yaml"));
}

TEST_CASE("kubeadm join: a connection that breaks at any call costs neither a second join nor a reset") {
  uint64_t calls = 0;
  FakeMachine::World whole{};
  {
    KubeadmSite cluster;
    steps::JoinStep step(cluster.model(), cluster.worker_node());
    const uint64_t before = cluster.worker.machine.calls();
    REQUIRE(cluster.worker.apply(step));
    calls = cluster.worker.machine.calls() - before;
    whole = cluster.worker.machine.world;
  }
  REQUIRE(calls > 8);
  for (const auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (uint64_t call = 1; call <= calls; ++call) {
      INFO("call " << call << (when == FakeMachine::When::after ? " after" : " before"));
      KubeadmSite cluster;
      steps::JoinStep step(cluster.model(), cluster.worker_node());
      auto& bench = cluster.worker;
      bench.machine.break_at_call(call, when);
      const auto broken = bench.apply(step);
      REQUIRE_FALSE(broken);
      CHECK(broken.error().code == ErrorCode::unreachable);
      bench.connect();
      if (bench.check(step) == StepState::needed) {
        const auto again = bench.apply(step);
        if (!again) FAIL(again.error().text());
      }
      CHECK(cluster.joins == 1);
      CHECK(cluster.resets == 0);
      CHECK(cluster.deleted.empty());
      CHECK(bench.machine.world == whole);
    }
  }
}

TEST_CASE("kubeadm join: a job that still runs is waited for, without another token") {
  KubeadmSite cluster;
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  auto& bench = cluster.worker;
  for (const auto* path : kJoinRemains) bench.put(path);
  bench.put("/run/sealift/kubeadm-join.yaml", "with a token");
  bench.machine.world.units["sealift-kubeadm-join.service"].active = true;
  REQUIRE(bench.apply(step));
  CHECK(cluster.tokens + cluster.resets == 0);
  CHECK(bench.changed("job sealift-kubeadm-join") == 1);
  CHECK_FALSE(bench.has("/run/sealift/kubeadm-join.yaml"));
  CHECK(bench.machine.world.recorded.contains("kubeadm.join"));
}

TEST_CASE("kubeadm join: what a killed one left is taken away first, here and in the API") {
  for (const auto* path : kJoinRemains) {
    INFO(path);
    KubeadmSite cluster;
    steps::JoinStep step(cluster.model(), cluster.worker_node());
    auto& bench = cluster.worker;
    bench.put(path);
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.joins == 1);
    CHECK(cluster.deleted == std::vector<std::string>{"w1"});
    CHECK(cluster.control_plane.change("delete").contains("--ignore-not-found"));
  }
}

TEST_CASE("kubeadm join: a node whose kubelet starts and has lost the contents of a file joins again") {
  for (const auto* path :
       {"/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem"}) {
    INFO(path);
    KubeadmSite cluster;
    steps::JoinStep step(cluster.model(), cluster.worker_node());
    auto& bench = cluster.worker;
    bench.put("/etc/kubernetes/kubelet.conf");
    bench.machine.world.units["kubelet.service"].active = true;
    bench.put(path, "");
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.joins == 1);
  }
}

TEST_CASE("kubeadm join: a node that stands is only recorded") {
  const auto joined = [](KubeadmSite& cluster) {
    cluster.worker.put("/etc/kubernetes/kubelet.conf");
    cluster.worker.put("/etc/kubernetes/pki/ca.crt");
    cluster.worker.put("/run/sealift/kubeadm-join.yaml", "with a token");
    cluster.worker.machine.world.units["kubelet.service"] = {true, true, false};
  };
  KubeadmSite cluster;
  joined(cluster);
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  cluster.worker.bring(step);
  CHECK(cluster.joins + cluster.resets + cluster.tokens == 0);
  CHECK_FALSE(cluster.worker.has("/run/sealift/kubeadm-join.yaml"));
  // with the bootstrap file present, or the kubelet not running, kubeadm had not finished
  for (const bool bootstrap : {true, false}) {
    KubeadmSite half;
    joined(half);
    if (bootstrap) half.worker.put("/etc/kubernetes/bootstrap-kubelet.conf");
    if (!bootstrap) half.worker.machine.world.units["kubelet.service"].active = false;
    steps::JoinStep again(half.model(), half.worker_node());
    half.worker.bring(again);
    CHECK(half.resets == 1);
    CHECK(half.joins == 1);
  }
}

TEST_CASE("kubeadm join: a failure takes the token with it and tells no secret") {
  KubeadmSite cluster;
  cluster.join_fails = "error execution phase kubelet-start";
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  auto& bench = cluster.worker;
  const auto done = bench.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().text().contains("kubelet-start"));
  CHECK_FALSE(bench.has("/run/sealift/kubeadm-join.yaml"));
  CHECK(bench.machine.world.recorded.empty());
  cluster.token_fails = "connection refused";
  const auto none = bench.apply(step);
  REQUIRE_FALSE(none);
  CHECK(none.error().text().contains("connection refused"));
  CHECK_FALSE(none.error().text().contains("secret"));
  CHECK(cluster.joins == 1);
}

TEST_CASE("kubeadm join: a control plane brings the cluster's keys, which the ledger does not keep") {
  KubeadmSite cluster;
  cluster.second_control_plane();
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  auto& bench = cluster.worker;
  bench.bring(step);
  CHECK(cluster.joins == 1);
  CHECK(cluster.resets == 0);
  CHECK(cluster.removed.empty());
  CHECK(cluster.join_document.contains("controlPlane:"));
  CHECK(bench.text("/etc/kubernetes/pki/etcd/ca.key") == "the cluster's etcd/ca.key");
  CHECK(bench.machine.world.files.at("/etc/kubernetes/pki/sa.key").spec.mode == 0600);
  CHECK(bench.machine.world.recorded.at(std::string(steps::kVersionRecord)) == "v1.34.4");
  for (const auto& entry : bench.machine.ledger) CHECK_FALSE(host::ledger_line(entry).contains("the cluster's"));
}

TEST_CASE("kubeadm join: a key that the first control plane lacks is named, and nothing is started") {
  KubeadmSite cluster;
  cluster.second_control_plane();
  cluster.control_plane.machine.world.files.erase("/etc/kubernetes/pki/sa.key");
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  const auto done = cluster.worker.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::not_found);
  CHECK(done.error().what == "/etc/kubernetes/pki/sa.key is missing on cp1");
  CHECK(cluster.joins == 0);
}

TEST_CASE("kubeadm join: of an interrupted control plane, etcd forgets the member, and no other one") {
  for (const auto* remains : {"/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/manifests/kube-apiserver.yaml",
                              "/var/lib/etcd/member"}) {
    INFO(remains);
    KubeadmSite cluster;
    cluster.second_control_plane();
    cluster.members += R"(,{"id":"7","name":"","peerURLs":["https://10.7.0.12:2380"],"learner":true})"
                       R"(,{"id":"8","name":"cp3","peerURLs":["https://10.7.0.120:2380"],"learner":false})";
    steps::JoinStep step(cluster.model(), cluster.worker_node());
    cluster.worker.put(remains);
    cluster.worker.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.removed == std::vector<std::string>{"7"});
    CHECK(cluster.deleted == std::vector<std::string>{"w1"});
    CHECK(cluster.joins == 1);
    CHECK_FALSE(cluster.worker.has("/var/lib/etcd/member"));
  }
}

TEST_CASE("kubeadm join: a control plane stands once kubeadm has marked it, which is the last it does") {
  const auto* marked = R"({"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}})";
  for (const auto& [node, resets] : {std::pair(marked, 0), {R"({"metadata":{"labels":{"zone":"a"}}})", 1}, {"", 1}}) {
    INFO(node);
    KubeadmSite cluster;
    cluster.second_control_plane();
    cluster.node_json = node;
    auto& bench = cluster.worker;
    for (const auto* path : {"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt",
                             "/etc/kubernetes/manifests/kube-apiserver.yaml"})
      bench.put(path);
    bench.machine.world.units["kubelet.service"].active = true;
    steps::JoinStep step(cluster.model(), cluster.worker_node());
    bench.bring(step);
    CHECK(cluster.resets == resets);
    CHECK(cluster.joins == resets);
  }
}

TEST_CASE("kubeadm join: the control plane that the others would join is not reset to join itself") {
  KubeadmSite cluster;
  cluster.second_control_plane();
  steps::JoinStep step(cluster.model(), cluster.control_plane_node());
  cluster.control_plane.put("/var/lib/etcd/member");
  const auto done = cluster.control_plane.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::not_found);
  CHECK(cluster.resets == 0);
  CHECK(cluster.control_plane.has("/var/lib/etcd/member"));
}
