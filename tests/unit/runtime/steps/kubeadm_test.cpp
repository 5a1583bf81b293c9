// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kubeadm.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using engine::StepState;
using tests::Bench;
using tests::ended;
using tests::failed;
using tests::FakeMachine;
using tests::has_word;
using tests::word_after;

namespace {

constexpr auto kInitRemains = std::to_array<const char*>({"/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/pki/ca.key", "/var/lib/etcd/member"});
constexpr auto kJoinRemains = std::to_array<const char*>({"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/pki/ca.crt"});
constexpr std::string_view kToken = "abcdef.0123456789abcdef";

void put(FakeMachine& machine, const std::string& path) { machine.world.files[path] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes("x"), {}}; }

// A site whose kubeadm counts what it is asked for and leaves what the real one leaves.
struct Cluster : tests::Site {
  int inits = 0, joins = 0, resets = 0, tokens = 0;
  bool proxy = false;              // the last thing that init makes
  std::string init_fails, join_fails, token_fails;
  std::string join_document;       // what join read
  std::vector<std::string> deleted;  // nodes

  Cluster() {
    for (auto* bench : {&control_plane, &worker}) {
      bench->folder("/etc/sealift");
      bench->machine.programs["kubeadm"] = [this](FakeMachine& self, const Command& command, const CommandIo&) { return kubeadm(self, command); };
      bench->machine.programs["rm"] = [](FakeMachine& self, const Command& command, const CommandIo&) -> Result<ExitStatus> {
        CHECK(command.argv == std::vector<std::string>{"rm", "-rf", "--one-file-system", "--", "/var/lib/etcd/member"});
        self.world.files.erase(command.argv.back());
        return ended();
      };
    }
    control_plane.machine.programs["kubectl"] = [this](FakeMachine&, const Command& command, const CommandIo&) -> Result<ExitStatus> {
      if (has_word(command, "daemonset")) return ended(proxy ? R"({"kind":"DaemonSet"})" : "");
      if (has_word(command, "delete")) {
        deleted.push_back(word_after(command, "node"));
        return ended();
      }
      return failed("not played: " + command.text());
    };
  }

  // In a control plane's ledger, after init.
  void is_recorded(engine::Step& step) {
    const auto& recorded = control_plane.machine.world.recorded;
    REQUIRE(recorded.contains("kubeadm.init"));
    CHECK(recorded.at("kubeadm.init") == step.inputs().hex());
    REQUIRE(recorded.contains(std::string(steps::kVersionRecord)));
    CHECK(recorded.at(std::string(steps::kVersionRecord)) == "v1.34.4");
  }

 private:
  Result<ExitStatus> kubeadm(FakeMachine& self, const Command& command) {
    auto& files = self.world.files;
    if (has_word(command, "token")) {
      ++tokens;
      if (!token_fails.empty()) return ExitStatus{1, "half a secret", token_fails};
      return ended(std::format("kubeadm join 127.0.0.1:7443 --token {} --discovery-token-ca-cert-hash sha256:00\n", kToken));
    }
    if (has_word(command, "reset")) {
      ++resets;
      CHECK(has_word(command, "--force"));
      CHECK(word_after(command, "--cri-socket") == base.cri_socket);
      // Like the real one: only etcd's manifest tells it where the data is.
      const auto manifest = files.find("/etc/kubernetes/manifests/etcd.yaml");
      const bool finds_data = manifest != files.end() && !manifest->second.content.empty();
      std::erase_if(files, [&](const auto& entry) { return entry.first.starts_with("/etc/kubernetes/") || (finds_data && entry.first.starts_with("/var/lib/etcd/")); });
      return ended();
    }
    const std::string configuration = word_after(command, "--config");
    if (!files.contains(configuration)) return failed(configuration + " is not there");
    if (has_word(command, "init")) {
      ++inits;
      const bool goes_on = self.world.units.contains("sealift-kubeadm-init.service");  // begun before
      if (!goes_on && files.contains("/var/lib/etcd/member")) return failed("[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty");
      if (!init_fails.empty()) return failed(init_fails);
      for (const auto* path : kInitRemains) put(self, path);
      put(self, std::string(steps::kAdminKubeconfig));
      proxy = true;
      return ended();
    }
    ++joins;
    join_document = base::as_text(files.at(configuration).content);
    if (!join_fails.empty()) return failed(join_fails);
    put(self, "/etc/kubernetes/kubelet.conf");
    put(self, "/etc/kubernetes/pki/ca.crt");
    self.world.units["kubelet.service"].active = true;
    return ended();
  }
};

}  // namespace

TEST_CASE("kubeadm init: its documents, one job, and two records") {
  Cluster cluster;
  steps::InitStep step(cluster.model(), "the documents");
  auto& bench = cluster.control_plane;
  bench.bring(step);
  CHECK(cluster.inits == 1);
  CHECK(cluster.resets == 0);
  CHECK(bench.text("/etc/sealift/kubeadm-init.yaml") == "the documents");
  CHECK(bench.machine.world.files.at("/etc/sealift/kubeadm-init.yaml").spec.mode == 0600);
  CHECK(bench.change("kubeadm init").starts_with("job sealift-kubeadm-init: kubeadm init --config /etc/sealift/kubeadm-init.yaml"));
  CHECK(bench.change("kubeadm init").contains("--skip-phases=show-join-command"));
  cluster.is_recorded(step);
  // A cluster is made once: other documents are no reason for another.
  steps::InitStep other(cluster.model(), "other documents");
  CHECK(bench.check(other) == StepState::done);
  // One missing file is no reason either: the data of a cluster is not taken away for it.
  bench.machine.world.files.erase(std::string(steps::kAdminKubeconfig));
  auto context = bench.context(step);
  const auto refused = step.check(context.looking());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("admin.conf is gone from cp1"));
  CHECK(refused.error().text().contains("kubeadm init phase kubeconfig admin"));
  // but a host where nothing of it is left gets one
  for (const auto* path : kInitRemains) bench.machine.world.files.erase(path);
  CHECK(bench.check(step) == StepState::needed);
}

TEST_CASE("kubeadm init: a cluster that another kubeadm made, with other documents, is not taken for the wanted one") {
  Cluster cluster;
  auto& bench = cluster.control_plane;
  for (const auto* path : kInitRemains) bench.put(path);
  bench.put(std::string(steps::kAdminKubeconfig));
  cluster.proxy = true;
  steps::InitStep step(cluster.model(), "the documents");
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
    Cluster cluster;
    steps::InitStep step(cluster.model(), "the documents");
    const uint64_t before = cluster.control_plane.machine.calls();
    REQUIRE(cluster.control_plane.apply(step));
    calls = cluster.control_plane.machine.calls() - before;
    whole = cluster.control_plane.machine.world;
  }
  REQUIRE(calls > 8);
  for (const auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (uint64_t call = 1; call <= calls; ++call) {
      INFO("call " << call << (when == FakeMachine::When::after ? " after" : " before"));
      Cluster cluster;
      steps::InitStep step(cluster.model(), "the documents");
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
  Cluster cluster;
  steps::InitStep step(cluster.model(), "the documents");
  auto& bench = cluster.control_plane;
  for (const auto* path : kInitRemains) bench.put(path);  // what a job in its middle looks like
  bench.machine.world.units["sealift-kubeadm-init.service"].active = true;
  REQUIRE(bench.apply(step));
  CHECK(cluster.resets == 0);
  CHECK(bench.changed("job sealift-kubeadm-init") == 1);
  cluster.is_recorded(step);
}

TEST_CASE("kubeadm init: what a killed one left is taken away first") {
  for (const auto* path : kInitRemains) {
    INFO(path);
    Cluster cluster;
    steps::InitStep step(cluster.model(), "the documents");
    auto& bench = cluster.control_plane;
    bench.put(path);
    bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
    bench.bring(step);
    CHECK(cluster.resets == 1);
    CHECK(cluster.inits == 1);
    CHECK(bench.change("reset").starts_with("job sealift-kubeadm-reset: "));
    CHECK(bench.events.count(base::EventKind::message) == 1);
  }
  // killed between the administrator's kubeconfig and the add-ons: half a cluster too
  Cluster cluster;
  steps::InitStep step(cluster.model(), "the documents");
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
    Cluster cluster;
    steps::InitStep step(cluster.model(), "the documents");
    auto& bench = cluster.control_plane;
    bench.put(path);
    const auto before = bench.machine.world;
    const auto refused = bench.apply(step);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::preflight);
    CHECK(refused.error().text().contains(std::format("cp1 holds {}", path)));
    CHECK(refused.error().text().contains("take that cluster away first"));
    CHECK(bench.machine.world == before);
    CHECK(cluster.inits + cluster.resets == 0);
  }
}

TEST_CASE("kubeadm init: a cluster that stands is only recorded") {
  Cluster cluster;
  steps::InitStep step(cluster.model(), "the documents");
  auto& bench = cluster.control_plane;
  bench.put("/etc/sealift/kubeadm-init.yaml", "the documents");
  for (const auto* path : kInitRemains) bench.put(path);
  bench.put(std::string(steps::kAdminKubeconfig));
  cluster.proxy = true;
  bench.bring(step);
  CHECK(cluster.inits + cluster.resets == 0);
  cluster.is_recorded(step);
  CHECK(bench.changed("") == 3);  // with the sync
}

TEST_CASE("kubeadm init: a cluster that answers and has lost the contents of a file is made again") {
  for (const auto* path : {"/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/etcd/ca.key", "/etc/kubernetes/manifests/kube-scheduler.yaml", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/pki/kubelet.crt"}) {
    INFO(path);
    Cluster cluster;
    steps::InitStep step(cluster.model(), "the documents");
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

TEST_CASE("kubeadm: what is recorded has been written to the disks before; what can't be is not recorded") {
  for (const bool works : {true, false}) {
    Cluster cluster;
    steps::InitStep init(cluster.model(), "the documents");
    steps::JoinStep join(cluster.model(), cluster.worker_node());
    for (auto& [bench, step] : {std::pair<tests::Bench*, engine::Step*>{&cluster.control_plane, &init}, {&cluster.worker, &join}}) {
      bench->machine.before_change = [&works](const std::string& call, const std::string&) -> Result<void> {
        return call == "sync" && !works ? Result<void>(fail(ErrorCode::io, "Input/output error")) : Result<void>();
      };
      CHECK(bench->apply(*step).has_value() == works);
      CHECK(bench->machine.world.recorded.empty() == !works);
      if (!works) continue;
      const auto& changes = bench->machine.changes;
      const auto at = [&](std::string_view start) { return std::ranges::find_if(changes, [&](const std::string& change) { return change.starts_with(start); }); };
      CHECK(at("sync / ") < at("record "));
      CHECK(at("job sealift-kubeadm") < at("sync / "));
    }
  }
}

TEST_CASE("kubeadm init: its failure is told with its last lines, and nothing is recorded") {
  Cluster cluster;
  cluster.init_fails = "[ERROR Port-6443]: Port 6443 is in use";
  steps::InitStep step(cluster.model(), "the documents");
  const auto done = cluster.control_plane.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().text().contains("Port 6443 is in use"));
  CHECK(cluster.control_plane.machine.world.recorded.empty());
  CHECK(cluster.control_plane.check(step) == StepState::needed);
}

TEST_CASE("kubeadm: the API server is waited for, not for ever") {
  Cluster cluster;
  auto& bench = cluster.control_plane;
  int looks = 0, answers_at = 5;
  bench.machine.programs["kubectl"] = [&](FakeMachine&, const Command& command, const CommandIo&) -> Result<ExitStatus> {
    CHECK(word_after(command, "--raw") == "/readyz");
    return ++looks >= answers_at ? ended("ok") : failed("connection refused");
  };
  steps::ApiReadyStep step(cluster.model());
  bench.bring(step);
  CHECK(looks == 6);
  answers_at = INT_MAX;
  const auto begin = bench.clock.monotonic();
  const auto late = bench.apply(step);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unhealthy);
  CHECK(late.error().text().contains("connection refused"));
  CHECK(bench.clock.monotonic() - begin >= std::chrono::seconds(240));
  CHECK(bench.clock.monotonic() - begin < std::chrono::seconds(250));
  bench.machine.set_reachable(false);  // what the runner deals with is not waited for
  const auto gone = bench.apply(step);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::unreachable);
}

TEST_CASE("kubeadm join: with a token of the control plane, which stays nowhere") {
  Cluster cluster;
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
    for (const auto& entry : machine->ledger) CHECK_FALSE((entry.target + entry.before).contains(kToken));
  }
  CHECK_FALSE(bench.has("/run/sealift/kubeadm-join.yaml"));
}

TEST_CASE("kubeadm join: a connection that breaks at any call costs neither a second join nor a reset") {
  uint64_t calls = 0;
  FakeMachine::World whole{};
  {
    Cluster cluster;
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
      Cluster cluster;
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
  Cluster cluster;
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
    Cluster cluster;
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
  for (const auto* path : {"/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem"}) {
    INFO(path);
    Cluster cluster;
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
  const auto joined = [](Cluster& cluster) {
    cluster.worker.put("/etc/kubernetes/kubelet.conf");
    cluster.worker.put("/etc/kubernetes/pki/ca.crt");
    cluster.worker.put("/run/sealift/kubeadm-join.yaml", "with a token");
    cluster.worker.machine.world.units["kubelet.service"] = {true, true, false};
  };
  Cluster cluster;
  joined(cluster);
  steps::JoinStep step(cluster.model(), cluster.worker_node());
  cluster.worker.bring(step);
  CHECK(cluster.joins + cluster.resets + cluster.tokens == 0);
  CHECK_FALSE(cluster.worker.has("/run/sealift/kubeadm-join.yaml"));
  // with the bootstrap's file, or with a kubelet that does not run, kubeadm had not come to its end
  for (const bool bootstrap : {true, false}) {
    Cluster half;
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
  Cluster cluster;
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

TEST_CASE("kubeadm: what is asked of it depends on the hosts") {
  Cluster cluster;
  const auto both = steps::kubeadm_input(cluster.model());
  CHECK(both.control_plane_ips == std::vector<std::string>{"10.7.0.11"});
  CHECK(both.has_workers);
  CHECK_FALSE(both.cgroup_v1);
  Cluster old;
  old.worker.machine.facts.cgroup_version = 1;
  CHECK(steps::kubeadm_input(old.model()).cgroup_v1);
  // A worker that is left out today will join tomorrow: the control plane keeps its taint.
  Cluster alone;
  const auto& model = alone.model();
  const steps::Model without{model.payload, model.config, model.base, {}, {alone.control_plane_node()}};
  CHECK(steps::kubeadm_input(without).has_workers);
}
