// SPDX-License-Identifier: Apache-2.0
//
// The real delivery (its own preflight, plan and steps) on fake hosts: to the end, again, after a kill at every journal
// record, with connections that break, and with hosts that are dead.
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/delivery_site.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using steps::HostOutcome;
using tests::FakeMachine;

namespace {

class KillingJournal final : public engine::Journal {
 public:
  KillingJournal(DeliverySite& site, CancelSource& cancel, size_t at) : site_(site), cancel_(cancel), at_(at) {}
  void begin(const std::string&, const engine::StepId&, const Digest&) override { record(); }
  void end(const std::string&, const engine::StepId&, engine::StepStatus, const Error*, Duration) override { record(); }
  void finish(const Error*) override {}
  size_t records() const { return records_; }

 private:
  void record() {
    if (++records_ != at_) return;
    site_.all_reachable(false);
    cancel_.cancel();
  }
  DeliverySite& site_;
  CancelSource& cancel_;
  size_t at_;
  std::atomic<size_t> records_ = 0;
};

void require_delivered(const Result<steps::Outcome>& outcome) {
  if (!outcome) FAIL(outcome.error().text());
  std::string reasons;
  for (const auto& host : outcome->hosts) {
    if (!host.reason.empty() && reasons.size() < 1000) reasons += std::format("\n{}: {}", host.name, host.reason);
  }
  if (outcome->error) FAIL(outcome->error->text() << reasons);
}

// The first difference, so that a failure says something.
std::string difference(const FakeMachine::World& a, const FakeMachine::World& b) {
  for (const auto& [path, file] : a.files) {
    if (!b.files.contains(path)) return "only before: " + path;
    if (b.files.at(path) != file) return "differs: " + path;
  }
  for (const auto& [path, file] : b.files) {
    if (!a.files.contains(path)) return "only now: " + path;
  }
  if (a.units != b.units) return "units";
  if (a.sysctls != b.sysctls) return "sysctls";
  if (a.modules != b.modules) return "modules";
  if (a.stores != b.stores) return "stores";
  if (a.recorded != b.recorded) return "recorded";
  return {};
}

struct Reference {
  explicit Reference(size_t hosts) : site(hosts) {
    CancelSource cancel;
    KillingJournal journal(site, cancel, 0);
    require_delivered(site.apply(journal, base::no_events()));
    worlds = site.worlds();
    records = journal.records();
  }
  void check(DeliverySite& other) {
    auto now = other.worlds();
    for (const auto& [name, world] : worlds) {
      INFO(name);
      CHECK(difference(world, now.at(name)) == "");
    }
    CHECK((other.cluster == site.cluster));
    for (const auto& [host, times] : other.cluster.inits) CHECK(times == 1);
    for (const auto& [host, times] : other.cluster.joins) CHECK(times == 1);
    CHECK(other.cluster.resets.empty());
  }
  DeliverySite site;
  std::map<std::string, FakeMachine::World> worlds;
  size_t records = 0;
};

void again_changes_nothing(DeliverySite& site) {
  engine::NoJournal journal;
  const size_t before = site.changes();
  tests::EventRecorder events;
  auto again = site.apply(journal, events);
  require_delivered(again);
  for (const Event& event : events.events()) {
    if (event.kind == EventKind::step_started) FAIL_CHECK(event.host << ": " << event.step << " was applied again");
  }
  CHECK(again->applied == 0);
  CHECK(site.changes() == before);
}

}  // namespace

TEST_CASE("delivery: a delivery to three hosts, and again") {
  DeliverySite site(3);
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  require_delivered(outcome);
  CHECK(outcome->hosts.size() == 3);
  CHECK(site.cluster.nodes == std::set<std::string>{"h0", "h1", "h2"});
  CHECK(site.cluster.applied.size() == 2);
  CHECK(site.cluster.labels == std::map<std::string, std::string>{{"h1 zone", "a"}});
  CHECK_FALSE(site.cluster.corefile.contains("forward"));
  CHECK(site.machine(0).world.stores.size() == 1);
  CHECK(site.machine(0).world.stores.begin()->second.complete);
  CHECK(site.machine(1).world.stores.empty());
  again_changes_nothing(site);
}

TEST_CASE("delivery: the plan changes nothing, before and after") {
  DeliverySite site(3);
  auto before = site.plan();
  if (!before) FAIL(before.error().text());
  CHECK(site.changes() == 0);
  CHECK(before->lines.size() > 30);
  for (const auto& line : before->lines) CHECK(line.state != steps::PlanLine::State::done);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const size_t changes = site.changes();
  auto after = site.plan();
  if (!after) FAIL(after.error().text());
  for (const auto& line : after->lines) {
    INFO(line.host << " " << line.step);
    CHECK(line.state == steps::PlanLine::State::done);
  }
  CHECK(site.changes() == changes);
}

TEST_CASE("delivery: killed at every record, 3 hosts: the same end") {
  Reference reference(3);
  for (size_t at = 1; at <= reference.records; ++at) {
    DeliverySite site(3);
    CancelSource cancel;
    KillingJournal journal(site, cancel, at);
    auto killed = site.apply(journal, base::no_events(), cancel.token());
    INFO("killed at record " << at << " of " << reference.records);
    if (at < reference.records) CHECK((!killed || killed->error));
    site.all_reachable(true);
    engine::NoJournal forgets;
    require_delivered(site.apply(forgets, base::no_events()));
    reference.check(site);
    again_changes_nothing(site);
  }
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
        // The survey is not the runner's: there the run ends before anything is changed.
        if (!outcome) {
          CHECK(site.changes() == 0);
          continue;
        }
        require_delivered(outcome);
        reference.check(site);
      }
    }
  }
}

TEST_CASE("delivery: power cut at every change, then the same command") {
  Reference reference(2);
  for (size_t host = 0; host < 2; ++host) {
    for (size_t at = 1;; ++at) {
      DeliverySite site(2);
      FakeMachine& machine = site.machine(host);
      size_t seen = 0;
      bool cut = false;
      machine.before_change = [&](const std::string&, const std::string&) -> Result<void> {
        if (++seen != at) return {};
        cut = true;
        machine.power_cut();
        machine.set_reachable(false);
        return fail(ErrorCode::unreachable, "power");
      };
      engine::NoJournal journal;
      auto first = site.apply(journal, base::no_events());
      if (!cut) break;
      INFO("host " << host << " change " << at);
      CHECK((!first || first->error));
      machine.before_change = {};
      machine.set_reachable(true);
      require_delivered(site.apply(journal, base::no_events()));
      CHECK((site.cluster == reference.site.cluster));
      CHECK(site.machine(host).world.recorded == reference.worlds.at(machine.name()).recorded);
    }
  }
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
  CHECK(site.cluster.nodes.size() == 48);
  CHECK(site.cluster.applied.size() == 2);
  site.all_reachable(true);
  const size_t untouched = site.machine(1).changes.size();
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(site.cluster.nodes.size() == 50);
  CHECK(site.machine(1).changes.size() == untouched);
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
  CHECK(site.cluster.nodes.size() == 1000);
  again_changes_nothing(site);
}
