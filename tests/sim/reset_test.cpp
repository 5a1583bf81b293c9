// SPDX-License-Identifier: Apache-2.0
//
// Whole deliveries undone: every host as it was, however often the reset is cut.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <optional>

#include "tests/sim/interruptions.h"

using namespace sealift;
using namespace sealift::sim;
using tests::FakeMachine;
using Kind = host::Trace::Kind;

namespace {

// A delivered site, and what its hosts were before.
struct Undone {
  DeliverySite site;
  std::map<std::string, FakeMachine::World> before;

  explicit Undone(size_t hosts = 4, size_t control_planes = 3) : site(hosts, control_planes) {
    for (size_t i = 0; i < site.size(); ++i) {
      auto& world = site.machine(i).world;
      world.files["/etc/containerd"] = {host::FileType::directory, {0755, 0, 0}, {}, {}};
      world.files["/etc/containerd/own.toml"] = {
          host::FileType::regular, {0640, 0, 0}, base::to_bytes("the site's\n"), {}};
      world.files["/etc/containerd/other.toml"] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes("x"), {}};
      world.sysctls = {{"net.ipv4.ip_forward", "0"}, {"vm.overcommit_memory", "0"}};
    }
    before = site.worlds();
    deliver();
  }
  void deliver() {
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    for (size_t i = 0; i < site.size(); ++i) {
      auto& world = site.machine(i).world;
      world.traces = {{Kind::cgroup, "/sys/fs/cgroup/kubepods"},
                      {Kind::link, "cni0"},
                      {Kind::mount, "/var/lib/kubelet/pods/a/volumes/b"},
                      {Kind::table, "ip kube-proxy"}};
      world.sysctls["vm.overcommit_memory"] = "1";
    }
  }
  Result<delivery::Outcome> reset(engine::Journal& journal, const CancelToken& cancel = {}) {
    return site.reset(journal, {{}, true}, base::no_events(), cancel);
  }
  void require_reset() {
    engine::NoJournal journal;
    const auto done = reset(journal);
    if (!done) FAIL(done.error().text());
    if (done->error) FAIL(done->error->text());
    CHECK(done->kind == delivery::Outcome::Kind::reset);
    check_as_before();
  }
  // The agent's own folder for its lock aside.
  void check_as_before() {
    for (auto& [name, now] : site.worlds()) {
      INFO(name);
      auto world = now;
      world.files.erase("/run/sealift");
      auto was = before.at(name);
      was.files.erase("/run/sealift");
      for (const auto& [path, file] : world.files) {
        INFO(path);
        CHECK(was.files.contains(path));
      }
      CHECK(world.files == was.files);
      CHECK(world.stores.empty());
      CHECK(world.sysctls == was.sysctls);
      CHECK(world.modules == was.modules);
      CHECK(world.traces.empty());
      CHECK(world.recorded.empty());
      for (const auto& [unit, state] : world.units) {
        INFO(unit);
        CHECK_FALSE(state.enabled);
        CHECK_FALSE(state.active);
      }
    }
  }
};

Result<delivery::Outcome> reset(Undone& undone, engine::Journal& journal, const CancelToken& cancel) {
  return undone.reset(journal, cancel);
}

}  // namespace

TEST_CASE("reset: a delivered site is as before, has nothing to do the second time, and can be delivered to again") {
  Undone undone;
  undone.require_reset();
  const size_t changes = undone.site.changes();
  engine::NoJournal journal;
  const auto again = undone.reset(journal);
  REQUIRE(again);
  CHECK_FALSE(again->error);
  CHECK(again->applied == 0);
  CHECK(undone.site.changes() == changes);
  undone.site.cluster.state = {};
  undone.deliver();
  check_wanted_end(undone.site);
  undone.require_reset();
}

TEST_CASE("reset: nothing stays of a change of the authority that had not ended") {
  Undone undone(4, 2);
  auto& site = undone.site;
  site.machine(3).set_reachable(false);
  site.renew_authority = true;
  engine::NoJournal journal;
  const auto begun = site.apply(journal, base::no_events());
  REQUIRE(begun);
  CHECK(begun->error);  // it waits for the host that is away
  CHECK(site.machine(0).world.files.contains("/etc/sealift/pki/ca.next.key"));
  site.renew_authority = false;
  site.machine(3).set_reachable(true);
  undone.require_reset();
}

TEST_CASE("reset: killed at every record, the same command finishes it") {
  Undone undisturbed;
  const size_t records = records_of(undisturbed, reset);
  REQUIRE(records == 4 * 4 * 2);
  kill_at_records(records, [] { return Undone(); }, reset, [](Undone& undone) { undone.require_reset(); });
}

TEST_CASE("reset: power cut at every change of a host, the same command finishes it") {
  constexpr Interruption kPowerBlinks{[](const std::string&) { return true; },
                                      [](FakeMachine& machine) {
                                        machine.power_cut();
                                        machine.world.sysctls["vm.overcommit_memory"] = "0";  // as the kernel begins
                                        return Error{ErrorCode::unreachable, "no power", {}};
                                      },
                                      false};
  const auto cuts = interrupt_at_changes(
      kPowerBlinks, 0, [] { return Undone(2, 1); }, reset, [](Undone& undone) { undone.require_reset(); });
  CHECK(cuts.size() > 40);
}

TEST_CASE("reset: a host that is away is left out, and done when it is back") {
  Undone undone;
  undone.site.machine(3).set_reachable(false);
  engine::NoJournal journal;
  const auto first = undone.reset(journal);
  REQUIRE(first);
  REQUIRE(first->error);
  CHECK(first->error->code == ErrorCode::partial);
  undone.site.machine(3).set_reachable(true);
  undone.require_reset();
}

TEST_CASE("reset: only the hosts that are named; one that is not in cluster.yaml is refused") {
  Undone undone(2, 1);
  engine::NoJournal journal;
  const auto unknown = undone.site.reset(journal, {{"w9"}, false}, base::no_events());
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::not_found);
  const auto ledger = undone.site.machine(0).ledger.size();
  const auto one = undone.site.reset(journal, {{"10.7.0.2"}, false}, base::no_events());
  REQUIRE(one);
  CHECK_FALSE(one->error);
  CHECK(undone.site.machine(0).ledger.size() == ledger);
  CHECK(undone.site.machine(1).ledger.empty());
}

TEST_CASE("reset: something left makes it fail with --verify, on that host alone") {
  Undone undone(2, 1);
  undone.site.machine(1).before_change = [](const std::string& call, const std::string& target) -> Result<void> {
    if (call == "take" && target == "link cni0") return fail(ErrorCode::busy, "in use");
    return {};
  };
  engine::NoJournal journal;
  const auto done = undone.reset(journal);
  REQUIRE(done);
  REQUIRE(done->error);
  CHECK(undone.site.machine(0).ledger.empty());
  CHECK_FALSE(undone.site.machine(1).ledger.empty());
}

TEST_CASE("reset: cut in its middle, a delivery begins anew") {
  // Cut once both hosts have begun: one that has not takes itself for a node of the cluster that is gone.
  std::optional<Undone> cut;
  const auto has_begun = [&](size_t host) {
    return std::ranges::any_of(cut->site.machine(host).ledger,
                               [](const auto& entry) { return entry.step.starts_with("reset."); });
  };
  for (int attempt = 0; attempt < 20; ++attempt) {
    cut.emplace(size_t{2}, size_t{1});
    CancelSource cancel;
    KillingJournal journal(cut->site, cancel, 6);
    (void)cut->reset(journal, cancel.token());
    if (has_begun(0) && has_begun(1)) break;
  }
  REQUIRE(has_begun(1));
  Undone& undone = *cut;
  undone.site.all_reachable(true);
  undone.site.cluster.state = {};
  undone.deliver();
  check_wanted_end(undone.site);
  undone.require_reset();
}
