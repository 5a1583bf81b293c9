// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/reset_steps.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/before_step.h"
#include "runtime/steps/files.h"
#include "runtime/steps/kernel_step.h"
#include "runtime/steps/units.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using namespace sealift::tests;
using namespace sealift::steps;
using Kind = host::Trace::Kind;

namespace {

// A host with something of its own, on which a delivery did what deliveries do.
struct Delivered : Bench {
  FakeMachine::World before;

  Delivered() {
    put("/etc/hosts", "127.0.0.1 localhost\n");
    machine.world.sysctls["net.ipv4.ip_forward"] = "0";
    machine.world.sysctls["vm.overcommit_memory"] = "0";
    machine.world.units["cron.service"] = {true, true, false, {}};
    before = machine.world;
    BeforeStep noted;
    bring(noted);
    FilesStep files("files.base", "files",
                    {text_file("/usr/local/bin/kubelet", "kubelet", 0755), text_file("/etc/hosts", "changed\n", 0644),
                     text_file("/etc/containerd/config.toml", "version = 3\n", 0644),
                     text_file("/etc/systemd/system/kubelet.service", "[Service]\n", 0644)});
    bring(files);
    KernelStep kernel({"br_netfilter"}, {{"net.ipv4.ip_forward", "1"}});
    bring(kernel);
    UnitsStep units("units.base", "units", {{"containerd.service"}, {"kubelet.service"}}, digest_of({"u"}));
    bring(units);
    // what the programs do by themselves
    machine.world.sysctls["vm.overcommit_memory"] = "1";
    folder("/etc/kubernetes");
    put("/etc/kubernetes/admin.conf", "secret");
    folder("/var/lib/kubelet");
    put("/var/lib/kubelet/config.yaml", "x");
    machine.world.traces = {{Kind::cgroup, "/sys/fs/cgroup/kubepods.slice"},
                            {Kind::process, "/usr/local/bin/kubelet"},
                            {Kind::process, "/usr/sbin/sshd"},
                            {Kind::mount, "/var/lib/kubelet/pods/a"},
                            {Kind::mount, "/mnt/backup"},
                            {Kind::link, "cni0"},
                            {Kind::link, "eth0"},
                            {Kind::chain, "ip filter KUBE-FIREWALL"},
                            {Kind::table, "ip kube-proxy"},
                            {Kind::table, "inet firewall"}};
  }
  StopStep stop;
  ClusterTracesStep cluster;
  RestoreStep restore;
  EndStep end{"/var/lib/sealift", true};

  Result<void> reset() {
    for (engine::Step* step : std::initializer_list<engine::Step*>{&stop, &cluster, &restore, &end}) {
      const auto state = step->check(context(*step).looking());
      if (!state) return std::unexpected(state.error());
      if (*state == engine::StepState::needed) SEALIFT_TRY(apply(*step));
    }
    return {};
  }
  // Everything but what nobody delivered.
  void is_as_before() {
    CHECK(machine.ledger.empty());
    CHECK(machine.world.recorded.empty());
    for (const auto& [path, file] : machine.world.files) {
      INFO(path);
      CHECK(before.files.contains(path));
    }
    auto now = machine.world.files, was = before.files;
    for (auto* files : {&now, &was}) files->erase("/run/sealift");  // the agent's, for its lock
    CHECK(now == was);
    CHECK(machine.world.sysctls == before.sysctls);
    CHECK(machine.world.modules == before.modules);
    CHECK(machine.world.traces == std::set<std::pair<Kind, std::string>>{{Kind::process, "/usr/sbin/sshd"},
                                                                         {Kind::mount, "/mnt/backup"},
                                                                         {Kind::link, "eth0"},
                                                                         {Kind::table, "inet firewall"}});
    CHECK_FALSE(machine.world.units["kubelet.service"].enabled);
    CHECK_FALSE(machine.world.units["containerd.service"].active);
    CHECK(machine.world.units["cron.service"].active);
  }
};

}  // namespace

TEST_CASE("reset: a host becomes what it was, and the second time there is nothing to do") {
  Delivered host;
  const auto done = host.reset();
  if (!done) FAIL(done.error().text());
  host.is_as_before();
  const size_t changes = host.machine.changes.size();
  REQUIRE(host.reset());
  CHECK(host.machine.changes.size() == changes);
}

TEST_CASE("reset: cut after any change, the same command ends it") {
  size_t cuts = 0;
  for (uint64_t call = 1;; ++call) {
    for (const auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
      Delivered host;
      host.machine.break_at_call(call, when);
      const auto first = host.reset();
      if (first) {
        CHECK(cuts > 60);
        return;
      }
      ++cuts;
      host.connect();
      const auto done = host.reset();
      if (!done) FAIL(done.error().text());
      INFO("call " << call);
      host.is_as_before();
    }
  }
}

TEST_CASE("reset: what others changed since stays and is named") {
  Delivered host;
  host.put("/etc/hosts", "somebody's\n");
  host.put("/etc/containerd/mine.toml", "mine\n");
  host.put("/etc/motd", "hello\n");
  const auto done = host.reset();
  if (!done) FAIL(done.error().text());
  CHECK(host.text("/etc/hosts") == "somebody's\n");
  CHECK(host.text("/etc/containerd/mine.toml") == "mine\n");
  CHECK_FALSE(host.has("/etc/containerd/config.toml"));
  std::string said;
  for (const auto& event : host.events.events()) said += event.message + "\n";
  CHECK(said.contains("/etc/hosts stays: somebody has changed it"));
  CHECK(said.contains("/etc/containerd stays: it holds something that was not delivered"));
  CHECK(said.contains("path /etc/motd is there"));
  CHECK(host.machine.ledger.empty());
}

TEST_CASE("reset --verify: fails and keeps the ledger if something of the cluster is left") {
  Delivered host;
  host.machine.before_change = [](const std::string& call, const std::string& target) -> Result<void> {
    // a kernel that says yes and keeps the link
    if (call == "take" && target == "link cni0") return fail(ErrorCode::busy, "link cni0 is in use");
    return {};
  };
  CHECK_FALSE(host.reset());
  host.machine.before_change = {};
  REQUIRE(host.apply(host.stop));
  REQUIRE(host.apply(host.restore));
  const auto verified = host.apply(host.end);
  REQUIRE_FALSE(verified);
  CHECK(verified.error().code == ErrorCode::unhealthy);
  CHECK(verified.error().what.contains("link cni0 is there"));
  CHECK_FALSE(host.machine.ledger.empty());
  REQUIRE(host.reset());
  host.is_as_before();
}

TEST_CASE("reset: a unit that ran before runs again with its own file") {
  Bench host;
  host.put("/etc/containerd.conf", "site's\n");
  host.machine.world.units["containerd.service"] = {true, true, false, {}};
  host.machine.unit_reads["containerd.service"] = {"/etc/containerd.conf"};
  BeforeStep noted;
  host.bring(noted);
  FilesStep files("files.base", "files", {text_file("/etc/containerd.conf", "ours\n", 0644)});
  host.bring(files);
  UnitsStep units("units.base", "units", {{"containerd.service"}}, digest_of({"u"}));
  host.bring(units);
  for (const auto& step : std::vector<std::shared_ptr<engine::Step>>{
           std::make_shared<StopStep>(), std::make_shared<ClusterTracesStep>(), std::make_shared<RestoreStep>(),
           std::make_shared<EndStep>("/var/lib/sealift", true)})
    REQUIRE(host.apply(*step));
  const auto& unit = host.machine.world.units["containerd.service"];
  CHECK(unit.active);
  CHECK(unit.enabled);
  CHECK(base::as_text(unit.runs_with.at("/etc/containerd.conf")) == "site's\n");
  CHECK(host.changed("stop containerd") == 0);
}

TEST_CASE("before: noted once, before anything else, and anew after a reset") {
  Bench host;
  BeforeStep noted;
  host.bring(noted);
  const auto first = read_before(*host.host);
  REQUIRE(first);
  REQUIRE(*first);
  host.put("/etc/new");
  CHECK(host.check(noted) == engine::StepState::done);
  SECTION("an attempt that was cut is made again") {
    host.machine.world.recorded.clear();
    CHECK(host.check(noted) == engine::StepState::needed);
  }
  SECTION("a host that an earlier version delivered to gets none") {
    host.machine.world.recorded.clear();
    host.machine.ledger.push_back({9, "", "files.base", "", host::FileWritten{"/f", {}}});
    CHECK(host.check(noted) == engine::StepState::done);
  }
  SECTION("a reset that had only its own record to remove is ended by the next delivery") {
    host.machine.ledger.push_back({9, "", "files.base", "", host::FileWritten{"/f", {}}});
    REQUIRE(host.host->record({std::string(kResetEnd), ""}));
    host.machine.world.recorded.erase("host.before");
    host.bring(noted);
    CHECK_FALSE(host.machine.world.recorded.contains(std::string(kResetEnd)));
    const auto second = read_before(*host.host);
    REQUIRE(second);
    CHECK(KnownTraces(**second).has(Kind::path, "/etc/new"));
  }
}
