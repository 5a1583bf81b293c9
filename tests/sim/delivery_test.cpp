// SPDX-License-Identifier: Apache-2.0
//
// The real delivery (its own preflight, plan and steps) on fake hosts: to the end, repeated, after a kill at every
// journal record, with broken connections, and with dead hosts.
#include <atomic>
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/reference.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using tests::FakeMachine;

TEST_CASE("delivery: a delivery to three hosts, and again") {
  DeliverySite site(3);
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  require_delivered(outcome);
  CHECK(outcome->hosts.size() == 3);
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("delivery: a single host") {
  DeliverySite site(1);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("delivery: every host takes away at boot, before containers start, what a power cut left") {
  DeliverySite site(2);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  for (size_t i = 0; i < site.size(); ++i) {
    const auto& world = site.machine(i).world;
    REQUIRE(world.units.contains("sealift-boot.service"));
    CHECK(world.units.at("sealift-boot.service").enabled);
    CHECK_FALSE(world.units.at("sealift-boot.service").active);  // not while containers run
    const std::string unit(base::as_text(world.files.at("/etc/systemd/system/sealift-boot.service").content));
    CHECK(unit.contains("\nBefore=containerd.service kubelet.service\n"));
    CHECK(unit.contains("\nExecStart=/usr/local/lib/sealift/node-"));
    CHECK(unit.contains(" node boot\n"));
  }
}

TEST_CASE("delivery: what is called done has been written to the disks, after everything that was begun anywhere") {
  DeliverySite site(3);
  std::atomic<size_t> synced = 0, begun_later = 0;
  for (size_t i = 0; i < site.size(); ++i) {
    site.machine(i).before_change = [&, i](const std::string& call, const std::string&) -> Result<void> {
      // last of all changes on the control plane; on workers after that, since it starts pods on them
      if (call == "sync" && site.cluster.state.applied.size() == 2)
        ++synced;
      else if (synced > 0 && i == 0)
        ++begun_later;
      return {};
    };
  }
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(synced == 3);
  CHECK(begun_later == 0);
  for (size_t i = 0; i < site.size(); ++i) CHECK(site.machine(i).changes.back().starts_with("sync "));
  // A run that ended between the last change and this: the next one catches up, on that host only.
  site.machine(1).ledger.emplace_back();
  const size_t before = site.changes();
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(site.changes() == before + 3);  // there; and on the first host the note in the history, and its sync
  CHECK(site.machine(1).changes.back().starts_with("sync "));
  again_changes_nothing(site);
}

TEST_CASE("delivery: the plan changes nothing, before and after") {
  DeliverySite site(3);
  auto before = site.plan();
  if (!before) FAIL(before.error().text());
  CHECK(site.changes() == 0);
  CHECK(before->lines.size() > 30);
  for (const auto& line : before->lines) CHECK(line.state != delivery::PlanLine::State::done);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const size_t changes = site.changes();
  auto after = site.plan();
  if (!after) FAIL(after.error().text());
  for (const auto& line : after->lines) {
    INFO(line.host << " " << line.step);
    CHECK(line.state == delivery::PlanLine::State::done);
  }
  CHECK(site.changes() == changes);
}

// Whatever is slow: steps that need it wait, all others go ahead.
TEST_CASE("delivery: whichever part is slower than all others, nothing starts too early") {
  struct Slow {
    size_t host;
    const char *call, *target;
  };
  for (const auto& slow :
       {Slow{0, "store", ""}, Slow{0, "start", "sealift-mirror.service"}, Slow{0, "start", "sealift-api.service"},
        Slow{1, "start", "sealift-mirror.service"}, Slow{1, "start", "sealift-api.service"},
        Slow{1, "start", "containerd.service"}, Slow{0, "run", "pki make-ca"},
        Slow{1, "write", "/usr/local/bin/kubeadm"}, Slow{0, "job", "sealift-kubeadm-init"},
        Slow{1, "job", "sealift-kubeadm-join"}, Slow{0, "run", "kubectl"}}) {
    INFO("h" << slow.host << " " << slow.call << " " << slow.target);
    DeliverySite site(3);
    size_t held = 0;
    site.machine(slow.host).arriving = [&](const std::string& call, const std::string& target) {
      if (!call.starts_with(slow.call) || !target.contains(slow.target)) return;
      ++held;
      // Until everything else has got as far as it can.
      for (uint64_t before = site.calls() + 1; before != site.calls();) {
        before = site.calls();
        base::system_clock().sleep(Duration{60});
      }
    };
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    CHECK(held > 0);
    check_wanted_end(site);
  }
}

TEST_CASE("delivery: killed at every record, 3 hosts: the same end") {
  Reference reference(3);
  kill_at_records(
      reference.records, [] { return DeliverySite(3); }, apply_to,
      [&](DeliverySite& site) {
        engine::NoJournal forgets;
        require_delivered(site.apply(forgets, base::no_events()));
        reference.check_undisturbed(site);
        again_changes_nothing(site);
      });
}

TEST_CASE("delivery: a connection broken at every call heals within the run") {
  Reference reference(2);
  for (auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (size_t host = 0; host < 2; ++host) {
      for (uint64_t call = 1;; ++call) {
        DeliverySite site(2);
        site.machine(host).break_at_call(call, when);
        engine::NoJournal journal;
        auto outcome = site.apply(journal, base::no_events());
        INFO("host " << host << " call " << call);
        if (site.machine(host).calls() < call) break;
        // The survey is not run by the runner: there the run ends before anything is changed.
        if (!outcome) {
          CHECK(site.changes() == 0);
          continue;
        }
        require_delivered(outcome);
        reference.check_undisturbed(site);
      }
    }
  }
}

TEST_CASE("delivery: power cut at every change and inside of every program, then the same command") {
  Reference reference(2);
  for (size_t host = 0; host < 2; ++host) {
    interrupt_at_changes(
        kPowerFails, host, [] { return DeliverySite(2); }, apply_to,
        [&](DeliverySite& site) {
          engine::NoJournal journal;
          require_delivered(site.apply(journal, base::no_events()));
          reference.check_same(site, Run::left_out);
        });
  }
}

TEST_CASE("delivery: a program killed in its middle fails its step, and the same command heals what it left") {
  Reference reference(2);
  std::set<std::string> stages;
  for (size_t host = 0; host < 2; ++host) {
    stages.merge(interrupt_at_changes(
        kProgramIsKilled, host, [] { return DeliverySite(2); }, apply_to,
        [&](DeliverySite& site) {
          engine::NoJournal journal;
          require_delivered(site.apply(journal, base::no_events()));
          reference.check_same(site, Run::compared);
          again_changes_nothing(site);
        }));
  }
  for (const auto* stage : {"kubeadm init: add-ons", "kubeadm join: end", "helm upgrade: pending"})
    CHECK(stages.contains(std::string("inside ") + stage));
}

TEST_CASE("delivery: dead workers: the others are delivered, exit code partial, a later run finishes") {
  DeliverySite site(50);
  for (size_t i : {size_t{7}, size_t{23}}) site.machine(i).set_reachable(false);
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  if (!outcome) FAIL(outcome.error().text());
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::partial);
  CHECK(outcome->hosts.size() == 50);
  CHECK(site.cluster.state.nodes.size() == 48);
  CHECK(site.cluster.state.applied.size() == 2);
  CHECK(site.cluster.state.releases.size() == 1);
  site.all_reachable(true);
  const size_t untouched = site.machine(1).changes.size();
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(site.machine(1).changes.size() == untouched);
  check_wanted_end(site);
}

TEST_CASE("delivery: preflight findings end the run before anything changes, all at once") {
  DeliverySite site(3);
  site.machine(1).facts.swap_bytes = 1 << 30;
  site.machine(2).facts.clock_ms += 600'000;
  site.machine(2).broken_features = {"overlay"};
  engine::NoJournal journal;
  tests::EventRecorder events;
  auto outcome = site.apply(journal, events);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::preflight);
  CHECK(outcome.error().what.contains("swapoff"));
  CHECK(outcome.error().what.contains("clock"));
  CHECK(outcome.error().what.contains("overlay"));
  CHECK(events.count(EventKind::finding) >= 3);
  auto plan = site.plan();
  REQUIRE(plan);
  CHECK(plan->blocking == 3);
  CHECK(site.changes() == 0);
}

TEST_CASE("delivery: a dead control plane ends the run") {
  DeliverySite site(3);
  site.machine(0).set_reachable(false);
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::unreachable);
  CHECK(site.changes() == 0);
}

TEST_CASE("delivery: a thousand hosts") {
  DeliverySite site(1000);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(site.cluster.state.nodes.size() == 1000);
  again_changes_nothing(site);
}
