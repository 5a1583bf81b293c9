// SPDX-License-Identifier: Apache-2.0
//
// The site's programs in whole deliveries: in their order, once, however often the delivery is cut.
#include <mutex>

#include "tests/sim/living.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using config::HookConfig;
using Phase = HookConfig::Phase;
using On = HookConfig::On;
using Lines = std::vector<std::string>;

namespace {

HookConfig hook(std::string name, bool before, Phase phase, On on = On::all, std::string app = {}) {
  HookConfig out;
  out.name = std::move(name);
  out.is_before = before;
  out.phase = phase;
  out.on = on;
  out.app = std::move(app);
  out.program = "#!/bin/sh\n";
  out.input = Secret("hunter2");
  return out;
}

// A site whose machines note the hooks that run there, in their order: "h0 hosts".
struct Hooked {
  DeliverySite site;
  std::mutex mutex;
  Lines ran;
  std::map<std::string, int> codes;  // of "h0 name"; else 0

  explicit Hooked(std::vector<HookConfig> hooks, size_t hosts = 3, size_t control_planes = 1)
      : site(hosts, control_planes) {
    site.config.hooks = std::move(hooks);
    for (size_t i = 0; i < site.size(); ++i) {
      auto& program = site.machine(i).programs["exe"];
      program = [this, agent = program](tests::FakeMachine& machine, const base::Command& command,
                                        const base::CommandIo& io) {
        return command.argv.at(2) == "hook" ? play(machine, command) : agent(machine, command, io);
      };
    }
  }
  Result<delivery::Outcome> apply(EventSink& events = base::no_events()) {
    engine::NoJournal journal;
    return site.apply(journal, events);
  }
  // How often a hook ran there.
  long times(const std::string& line) {
    const std::lock_guard guard(mutex);
    return std::ranges::count(ran, line);
  }
  long most = 1;  // times that each may have run
  size_t at(const std::string& line) {
    INFO(line);
    REQUIRE(times(line) >= 1);
    REQUIRE(times(line) <= most);
    return static_cast<size_t>(std::ranges::find(ran, line) - ran.begin());
  }
  // Whatever of a hook may have been on a host is there no more.
  void check_nothing_left() {
    for (const auto& [name, world] : site.worlds()) {
      for (const auto& [path, file] : world.files) {
        INFO(name << " " << path);
        CHECK_FALSE(path.contains("/hook-"));
        CHECK_FALSE(path.starts_with("/run/sealift/hooks/"));
        CHECK_FALSE(base::as_text(file.content).contains("hunter2"));
      }
    }
  }

 private:
  Result<base::ExitStatus> play(tests::FakeMachine& machine, const base::Command& command) {
    const auto after = [&](std::string_view word) { return *(std::ranges::find(command.argv, word) + 1); };
    const auto program = machine.world.files.find(after("--program"));
    const auto input = machine.world.files.find(after("--input"));
    if (program == machine.world.files.end() || program->second.spec.mode != 0700)
      return base::ExitStatus{127, {}, "no program"};
    if (input == machine.world.files.end() || base::as_text(input->second.content) != "hunter2")
      return base::ExitStatus{127, {}, "no input"};
    machine.world.files.erase(input);
    SEALIFT_TRY(machine.inside("hook"));
    std::string name;
    for (const auto& variable : command.environment) {
      if (variable.starts_with("SEALIFT_HOOK=")) name = variable.substr(13);
    }
    const std::lock_guard guard(mutex);
    ran.push_back(machine.name() + " " + name);
    const auto code = codes.find(ran.back());
    return base::ExitStatus{code == codes.end() ? 0 : code->second, "said\n", {}};
  }
};

std::vector<HookConfig> at_all_moments() {
  return {hook("before-hosts", true, Phase::hosts),
          hook("after-hosts", false, Phase::hosts),
          hook("before-cluster", true, Phase::cluster, On::control_planes),
          hook("after-cluster", false, Phase::cluster, On::one_control_plane),
          hook("before-redis", true, Phase::app, On::one_control_plane, "redis"),
          hook("after-redis", false, Phase::app, On::one_control_plane, "redis")};
}

void check_once_in_order(Hooked& hooked) {
  for (const std::string host : {"h0 ", "h1 ", "h2 "}) {
    CHECK(hooked.at(host + "before-hosts") < hooked.at(host + "after-hosts"));
    if (host != "h0 ") CHECK(hooked.times(host + "before-cluster") == 0);
    if (host != "h0 ") CHECK(hooked.times(host + "after-redis") == 0);
  }
  const auto order = {"h0 after-hosts", "h0 before-cluster", "h0 after-cluster", "h0 before-redis", "h0 after-redis"};
  for (auto step = order.begin(); std::next(step) != order.end(); ++step)
    CHECK(hooked.at(*step) < hooked.at(*std::next(step)));
  hooked.check_nothing_left();
}

}  // namespace

TEST_CASE("hooks: each at its moment, once; a second run has nothing to do, a changed one runs again") {
  Hooked hooked(at_all_moments());
  require_delivered(hooked.apply());
  check_once_in_order(hooked);
  again_changes_nothing(hooked.site);
  CHECK(hooked.ran.size() == 10);
  hooked.site.config.hooks[3].arguments = {"--again"};
  require_delivered(hooked.apply());
  CHECK(hooked.times("h0 after-cluster") == 2);
  CHECK(hooked.ran.size() == 11);
}

TEST_CASE("hooks: one for every run runs in every run") {
  auto often = hook("often", false, Phase::cluster, On::one_control_plane);
  often.every_run = true;
  Hooked hooked({often, hook("once", false, Phase::cluster, On::one_control_plane)});
  for (int run = 0; run < 3; ++run) require_delivered(hooked.apply());
  CHECK(hooked.times("h0 often") == 3);
  CHECK(hooked.times("h0 once") == 1);
}

TEST_CASE("hooks: killed at every record, the same command goes on, and each has run once") {
  const auto run = [](Hooked& place, engine::Journal& journal, const CancelToken& cancel) {
    return apply_to(place.site, journal, cancel);
  };
  Hooked undisturbed(at_all_moments());
  const size_t records = records_of(undisturbed, run);
  kill_at_records(
      records, [] { return Hooked(at_all_moments()); }, run,
      [](Hooked& place) {
        require_delivered(place.apply());
        // Another host's may have ended just then, and was not recorded yet.
        place.most = 2;
        check_once_in_order(place);
      });
}

TEST_CASE("hooks: one that fails keeps its host as it was, and its application from being installed; then it goes on") {
  Hooked hooked(at_all_moments());
  hooked.codes = {{"h1 before-hosts", 1}, {"h0 before-redis", 2}};
  tests::EventRecorder events;
  const auto outcome = hooked.apply(events);
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::partial);
  CHECK(outcome->error->what.contains("before-redis"));
  CHECK(of(*outcome, "h1").state == delivery::HostOutcome::State::aside);
  CHECK(of(*outcome, "h1").reason.contains("the hook before-hosts (before hosts) ended with code 1"));
  CHECK(hooked.site.machine(1).world.units.empty());
  CHECK_FALSE(hooked.site.cluster.state.releases.contains("redis"));
  const auto redis = std::ranges::find(outcome->applications, "redis", &delivery::ApplicationOutcome::name);
  REQUIRE(redis != outcome->applications.end());
  CHECK(redis->state == delivery::ApplicationOutcome::State::not_tried);
  CHECK(redis->reason.contains("hook.before-redis"));
  CHECK(std::ranges::any_of(events.events(), [](const Event& event) {
    return event.level == Level::debug && event.message == "hook after-cluster:\nsaid";
  }));
  hooked.codes.clear();
  require_delivered(hooked.apply());
  CHECK(hooked.times("h1 before-hosts") == 2);
  CHECK(hooked.times("h0 before-redis") == 2);
  CHECK(hooked.times("h0 after-cluster") == 1);
  CHECK(hooked.site.cluster.state.releases.contains("redis"));
  hooked.check_nothing_left();
}

namespace {

struct ToReset : Hooked {
  ToReset() : Hooked({hook("before", true, Phase::reset), hook("after", false, Phase::reset, On::workers)}, 2) {
    require_delivered(apply());
    CHECK(ran.empty());
  }
};

Result<delivery::Outcome> reset(Hooked& place, engine::Journal& journal, const CancelToken& cancel = {}) {
  return place.site.reset(journal, {{}, true}, base::no_events(), cancel);
}

}  // namespace

TEST_CASE("hooks: before and after a reset, once however it is cut, and again in the host's next life") {
  ToReset undisturbed;
  const size_t records = records_of(undisturbed, reset);
  engine::NoJournal journal;
  kill_at_records(
      records, [] { return ToReset(); }, reset,
      [&](ToReset& place) {
        require_delivered(reset(place, journal));
        place.most = 2;  // where the other host's record was the last one
        CHECK(place.at("h1 before") < place.at("h1 after"));
        CHECK(place.at("h0 before") < place.ran.size());
        CHECK((place.ran.size() == 3 || place.ran.size() == 4));
        place.check_nothing_left();
        for (size_t i = 0; i < place.site.size(); ++i) CHECK(place.site.machine(i).ledger.empty());
      });
  undisturbed.site.cluster.state = {};
  require_delivered(undisturbed.apply());
  require_delivered(reset(undisturbed, journal));
  CHECK(undisturbed.times("h0 before") == 2);
}

TEST_CASE("hooks: a reset that a hook stops goes on when that is solved; a delivery in between begins anew") {
  Hooked hooked({hook("before", true, Phase::reset), hook("after", false, Phase::reset)}, 2);
  require_delivered(hooked.apply());
  hooked.codes = {{"h1 after", 1}};
  engine::NoJournal journal;
  const auto stopped = reset(hooked, journal);
  REQUIRE(stopped);
  REQUIRE(stopped->error);
  // A reset asks no host for its name.
  CHECK(of(*stopped, hooked.site.config.hosts[0].address).state == delivery::HostOutcome::State::done);
  CHECK(of(*stopped, hooked.site.config.hosts[1].address).reason.contains("the hook after"));
  hooked.codes.clear();
  hooked.site.cluster.state = {};
  require_delivered(hooked.apply());
  require_delivered(reset(hooked, journal));
  CHECK(hooked.times("h1 before") == 2);
  CHECK(hooked.times("h1 after") == 2);
}

TEST_CASE("hooks: of a removal, on the leaving host and on a control plane") {
  Hooked hooked({hook("own", true, Phase::remove), hook("asked", true, Phase::remove, On::one_control_plane),
                 hook("after", false, Phase::remove)});
  require_delivered(hooked.apply());
  engine::NoJournal journal;
  hooked.codes = {{"h2 own", 1}};
  const auto refused = hooked.site.remove(journal, {{"h2"}}, base::no_events());
  REQUIRE(refused);
  REQUIRE(refused->error);
  CHECK(refused->error->code == ErrorCode::command_failed);
  CHECK(hooked.site.cluster.state.nodes.contains("h2"));
  CHECK(hooked.site.cluster.state.cordoned.empty());
  hooked.codes = {{"h0 after", 1}};
  const auto late = hooked.site.remove(journal, {{"h2"}}, base::no_events());
  REQUIRE(late);
  REQUIRE(late->error);
  hooked.codes.clear();
  require_delivered(hooked.site.remove(journal, {{"h2"}}, base::no_events()));
  CHECK(hooked.ran == Lines{"h2 own", "h2 own", "h0 asked", "h0 after", "h0 after"});
  CHECK_FALSE(hooked.site.cluster.state.nodes.contains("h2"));
  CHECK(hooked.site.machine(2).ledger.empty());
  hooked.check_nothing_left();
}

TEST_CASE("hooks: a host that joins later has its own; those that stand have had theirs") {
  Hooked hooked(at_all_moments());
  const auto all = hooked.site.config.hosts;
  hooked.site.config.hosts.pop_back();
  require_delivered(hooked.apply());
  hooked.site.config.hosts = all;
  hooked.site.config.hooks[0].arguments = {"changed"};  // apply's business where a node stands
  engine::NoJournal journal;
  require_delivered(hooked.site.join(journal, base::no_events()));
  check_once_in_order(hooked);
}
