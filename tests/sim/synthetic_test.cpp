// SPDX-License-Identifier: Apache-2.0
//
// Whole deliveries of synthetic steps on 1, 3, 50 and 1000 fake hosts: order, limits, and the same end state after a
// kill at every journal record and a broken connection at every call.
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/killing_journal.h"
#include "tests/sim/synthetic_delivery.h"

using namespace sealift;
using namespace sealift::sim;
using engine::HostEnd;
using tests::FakeMachine;

namespace {

void check_end(Site& site, const std::map<std::string, FakeMachine::World>& wanted) {
  CHECK(site.faults().empty());
  CHECK((site.worlds() == wanted));
  for (const auto& [host, runs] : site.kubeadm_runs()) CHECK(runs == 1);
  CHECK(site.kubeadm_runs().size() == site.size());
}

// The undisturbed run: its end state and its number of records.
std::pair<std::map<std::string, FakeMachine::World>, size_t> reference(size_t hosts) {
  Site site(hosts);
  CancelSource cancel;
  KillingJournal journal(site, cancel, 0);
  auto out = deliver(site, journal, base::no_events(), cancel.token());
  REQUIRE(out.complete());
  check_end(site, site.worlds());
  return {site.worlds(), journal.records()};
}

void kill_at_every(size_t hosts, size_t stride) {
  auto [wanted, records] = reference(hosts);
  REQUIRE(records == 2 * (2 * hosts + 2));
  for (size_t at = 1; at <= records; at += stride) {
    Site site(hosts);
    CancelSource cancel;
    KillingJournal journal(site, cancel, at);
    auto killed = deliver(site, journal, base::no_events(), cancel.token());
    INFO("killed at record " << at << " of " << records);
    if (at < records) CHECK_FALSE(killed.complete());
    site.all_reachable(true);
    engine::NoJournal forgets;
    auto again = deliver(site, forgets, base::no_events(), {});
    REQUIRE(again.complete());
    check_end(site, wanted);
    size_t changes = 0;
    for (size_t i = 0; i < site.size(); ++i) changes += site.machine(i).changes.size();
    auto third = deliver(site, forgets, base::no_events(), {});
    CHECK(third.complete());
    CHECK(third.changed == 0);
    for (size_t i = 0; i < site.size(); ++i) changes -= site.machine(i).changes.size();
    CHECK(changes == 0);
  }
}

}  // namespace

TEST_CASE("killed at every record: 1 host") { kill_at_every(1, 1); }
TEST_CASE("killed at every record: 3 hosts") { kill_at_every(3, 1); }
TEST_CASE("killed at every record: 50 hosts") { kill_at_every(50, 1); }
TEST_CASE("killed at many records: 1000 hosts") { kill_at_every(1000, 401); }

TEST_CASE("limits hold on 1000 hosts") {
  Site site(1000);
  engine::NoJournal journal;
  engine::RunOptions options;
  options.limits = {.main = 17, .bytes = 1};
  CHECK(deliver(site, journal, base::no_events(), {}, options).complete());
  CHECK(site.most_running <= 18);
  CHECK(site.faults().empty());
}

TEST_CASE("a connection broken at every call is healed within the run") {
  auto [wanted, records] = reference(3);
  for (auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (size_t host = 0; host < 3; ++host) {
      for (uint64_t call = 1;; ++call) {
        Site site(3);
        site.machine(host).break_at_call(call, when);
        engine::NoJournal journal;
        auto out = deliver(site, journal, base::no_events(), {});
        INFO("host " << host << " call " << call);
        REQUIRE(out.complete());
        check_end(site, wanted);
        if (site.machine(host).calls() < call) break;  // the run has fewer calls
      }
    }
  }
}

TEST_CASE("power cut at every change, then the same command") {
  auto [wanted, records] = reference(3);
  for (size_t host = 0; host < 3; ++host) {
    for (size_t at = 1;; ++at) {
      Site site(3);
      FakeMachine& machine = site.machine(host);
      size_t seen = 0;
      bool cut = false;
      machine.before_change = [&](const std::string&, const std::string&) -> Result<void> {
        if (++seen != at) return {};
        cut = true;
        machine.power_cut();
        machine.set_reachable(false);  // off until switched on
        return fail(ErrorCode::unreachable, "power");
      };
      engine::NoJournal journal;
      auto first = deliver(site, journal, base::no_events(), {});
      if (!cut) break;
      CHECK_FALSE(first.complete());
      machine.before_change = {};
      machine.set_reachable(true);
      auto second = deliver(site, journal, base::no_events(), {});
      INFO("host " << host << " change " << at);
      REQUIRE(second.complete());
      // Loading modules-load.d at boot is not simulated, so modules are not compared.
      auto now = wanted;
      for (size_t i = 0; i < site.size(); ++i) now[site.machine(i).name()].modules = site.machine(i).world.modules;
      check_end(site, now);
    }
  }
}

TEST_CASE("dead workers are set aside, the others delivered, a later run finishes them") {
  Site site(50);
  for (size_t i : {size_t{7}, size_t{23}, size_t{42}}) site.machine(i).set_reachable(false);
  engine::NoJournal journal;
  tests::EventRecorder events;
  auto out = deliver(site, journal, events, {});
  REQUIRE(out.error());
  CHECK(out.error()->code == ErrorCode::partial);
  CHECK(out.error()->what.contains("h7, h23, h42"));
  size_t delivered = 0;
  for (const auto& host : out.hosts) delivered += host.outcome == HostEnd::delivered ? 1 : 0;
  CHECK(delivered == 47);
  CHECK(events.count(EventKind::host_aside) == 3);
  CHECK(site.find("h0")->world.files.contains("/etc/apps"));
  site.all_reachable(true);
  size_t untouched = site.machine(1).changes.size();
  auto again = deliver(site, journal, base::no_events(), {});
  CHECK(again.complete());
  CHECK(again.changed == 6);
  CHECK(site.machine(1).changes.size() == untouched);
}

TEST_CASE("a dead control plane ends the run before any worker joins") {
  Site site(3);
  site.machine(0).set_reachable(false);
  engine::NoJournal journal;
  auto out = deliver(site, journal, base::no_events(), {});
  REQUIRE(out.error());
  CHECK(out.error()->code == ErrorCode::unreachable);
  CHECK(site.kubeadm_runs().empty());
}
