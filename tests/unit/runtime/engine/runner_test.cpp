// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/runner.h"
#include "payload/base/format.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/event_recorder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"

using namespace sealift;
using namespace sealift::engine;
using tests::FakeMachine;

namespace {

using Body = std::function<Result<void>(StepContext&)>;

// A check that changes its own host or another one does not compile.
template <class T>
concept Changeable =
    requires(T& host) { host.record(host::Reason{}); } || requires(T& host) { host.run({}, {}, {}, {}); };
template <class T>
concept LeadsToChanges = requires(T& hosts) { hosts.connection("", nullptr, {}); };
static_assert(Changeable<std::remove_reference_t<decltype(StepContext::host)>> &&
              !Changeable<std::remove_reference_t<decltype(LookContext::host)>>);
static_assert(LeadsToChanges<std::remove_reference_t<decltype(StepContext::others)>> &&
              !LeadsToChanges<std::remove_reference_t<decltype(LookContext::others)>>);

// Writes /etc/<id>; its check looks for it.
class WriteStep final : public Step {
 public:
  WriteStep(std::string id, Body body = {}) : id_(std::move(id)), body_(std::move(body)) {}
  StepId id() const override { return id_; }
  std::string describe() const override { return "write " + id_; }
  Digest inputs() const override { return hash::sha256(base::as_bytes(id_)); }
  Result<StepState> check(const LookContext& context) override {
    SEALIFT_ASSIGN(auto status, context.host.stat("/etc/" + id_));
    return status ? StepState::done : StepState::needed;
  }
  Result<void> apply(StepContext& context) override {
    ++applied;
    if (body_) SEALIFT_TRY(body_(context));
    base::MemorySource source(base::as_bytes(id_));
    return context.host.write_atomic("/etc/" + id_, {}, source, {id_, inputs().hex()});
  }
  std::atomic<int> applied = 0;

 private:
  std::string id_;
  Body body_;
};

// The host does not show its effect: only the record does.
class RecordedStep final : public Step {
 public:
  RecordedStep(std::string wish, Body body = {}) : wish_(std::move(wish)), body_(std::move(body)) {}
  StepId id() const override { return "app"; }
  std::string describe() const override { return "install " + wish_; }
  Digest inputs() const override { return hash::sha256(base::as_bytes(wish_)); }
  Result<StepState> check(const LookContext& context) override {
    SEALIFT_ASSIGN(auto recorded, context.host.recorded(id()));
    return recorded == inputs().hex() ? StepState::done : StepState::needed;
  }
  Result<void> apply(StepContext& context) override {
    succeeded_with = context.succeeded_with;
    if (body_) SEALIFT_TRY(body_(context));
    return context.host.record({id(), inputs().hex()});
  }
  std::optional<std::string> succeeded_with;

 private:
  std::string wish_;
  Body body_;
};

struct World {
  std::map<std::string, FakeMachine> machines;
  tests::FakeClock clock;
  tests::EventRecorder events;
  NoJournal journal;
  CancelSource cancel;
  Plan plan;
  RunOptions options;
  std::atomic<int> connects = 0;
  ConnectionPool pool{[this](const std::string& host, const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
    ++connects;
    SEALIFT_ASSIGN(auto made, tests::connect_fake(machine(host)));
    return std::shared_ptr<host::Host>(std::move(made));
  }};

  FakeMachine& machine(const std::string& name) {
    auto found = machines.find(name);
    if (found == machines.end()) found = machines.try_emplace(name, name).first;
    return found->second;
  }
  std::shared_ptr<WriteStep> add(const std::string& host, const std::string& id,
                                 OnFailure on_failure = OnFailure::set_aside, Body body = {},
                                 std::vector<size_t> after = {}) {
    machine(host);
    auto step = std::make_shared<WriteStep>(id, std::move(body));
    PlannedStep planned;
    planned.step = step;
    planned.host = host;
    planned.on_failure = on_failure;
    planned.after = std::move(after);
    plan.steps.push_back(std::move(planned));
    return step;
  }
  RunSummary run() {
    auto out = engine::run(plan, pool, events, clock, journal, cancel.token(), options);
    REQUIRE(out);
    return std::move(*out);
  }
};

}  // namespace

namespace {

struct OutputJournal final : Journal {
  std::vector<std::string> lines;
  void begin(const std::string&, const StepId&, const Digest&) override {}
  void output(const std::string& host, const StepId& step, std::string_view text) override {
    lines.push_back(base::format("{} {}: {}", host, step, text));
  }
  void end(const std::string&, const StepId&, StepStatus, const Error*, Duration) override {}
  void finish(const Error*) override {}
};

}  // namespace

TEST_CASE("what a step tells as the output of its program is in the journal, and nothing else that it tells") {
  World world;
  OutputJournal journal;
  world.add("w1", "a", OnFailure::set_aside, [](StepContext& context) -> Result<void> {
    for (const auto& [level, step] : {std::pair{Level::debug, "a"}, {Level::info, "a"}, {Level::debug, ""}}) {
      Event event;
      event.level = level;
      event.step = step;
      event.message = "said";
      context.events.on(event);
    }
    return {};
  });
  REQUIRE(engine::run(world.plan, world.pool, world.events, world.clock, journal, world.cancel.token(), world.options));
  CHECK(journal.lines == std::vector<std::string>{"w1 a: said"});
  CHECK(std::ranges::count(world.events.events(), std::string("said"), &Event::message) == 3);
}

TEST_CASE("a second run changes nothing") {
  World w;
  w.add("a", "one");
  w.add("a", "two");
  w.add("b", "one");
  RunSummary first = w.run();
  CHECK(first.complete());
  CHECK(first.changed == 3);
  CHECK_FALSE(first.error());
  size_t changes = w.machine("a").changes.size();
  CHECK(changes == 2);
  RunSummary second = w.run();
  CHECK(second.complete());
  CHECK(second.changed == 0);
  CHECK(w.machine("a").changes.size() == changes);
  CHECK(w.events.count(EventKind::step_skipped) == 3);
}

TEST_CASE("what was begun and not ended is not done, whatever was recorded before") {
  World w;
  w.add("a", "replaced below");
  const auto run_with = [&](std::shared_ptr<RecordedStep> step) {
    w.plan.steps[0].step = std::move(step);
    return w.run();
  };
  const auto right = [] { return std::make_shared<RecordedStep>("right"); };
  CHECK(run_with(right()).changed == 1);
  CHECK(run_with(right()).changed == 0);
  FakeMachine& machine = w.machine("a");
  SECTION("it failed") {
    const auto wrong = std::make_shared<RecordedStep>(
        "wrong", [](StepContext&) -> Result<void> { return fail(ErrorCode::unhealthy, "crash loop"); });
    CHECK(run_with(wrong).error());
    CHECK(wrong->succeeded_with == right()->inputs().hex());
  }
  SECTION("it was stopped") {
    CHECK(run_with(std::make_shared<RecordedStep>("wrong", [](StepContext&) -> Result<void> {
            return fail(ErrorCode::cancelled, "stopped");
          })).error());
  }
  SECTION("the host was lost in the middle of it, for the whole run") {
    CHECK(run_with(std::make_shared<RecordedStep>("wrong", [&](StepContext&) -> Result<void> {
            machine.set_reachable(false);
            return fail(ErrorCode::unreachable, "power");
          })).error());
    machine.set_reachable(true);
  }
  SECTION("the connection broke before the host could note the beginning: applied only once it has") {
    machine.break_at_call(2, FakeMachine::When::before);  // 1 = the check
    const auto wrong = std::make_shared<RecordedStep>("wrong", [&](StepContext&) -> Result<void> {
      CHECK_FALSE(machine.world.recorded.contains("app"));
      return fail(ErrorCode::unhealthy, "crash loop");
    });
    CHECK(run_with(wrong).error());
  }
  CHECK_FALSE(machine.world.recorded.contains("app"));
  w.options = {};
  const auto again = right();
  const RunSummary healed = run_with(again);
  CHECK(healed.complete());
  CHECK(healed.changed == 1);
  CHECK_FALSE(again->succeeded_with);
  // A step with nothing to do records nothing either.
  const uint64_t calls = machine.calls();
  const size_t changes = machine.changes.size();
  CHECK(run_with(right()).changed == 0);
  CHECK(machine.calls() == calls + 1);
  CHECK(machine.changes.size() == changes);
}

TEST_CASE("what depends on a step is not done any more as soon as that step begins") {
  World w;
  w.add("a", "files", OnFailure::set_aside,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::no_space, "in the middle"); });
  w.plan.steps[0].ends = {"units"};
  w.machine("a").world.recorded = {{"units", "1"}, {"other", "2"}};
  CHECK(w.run().error());
  CHECK(w.machine("a").world.recorded == std::map<std::string, std::string>{{"other", "2"}});
}

TEST_CASE("the dry run says so of a step that the beginning of another would end") {
  World w;
  w.add("a", "files");
  w.add("a", "units");
  w.add("b", "units");
  w.run();
  w.plan.steps[0].ends = {"units"};
  const auto finding = [&](size_t step) { return look(w.plan, w.pool, {}, w.options)->steps[step].finding; };
  CHECK(finding(1) == LookedStep::Finding::done);
  w.machine("a").world.files.erase("/etc/files");
  CHECK(finding(0) == LookedStep::Finding::needed);
  CHECK(finding(1) == LookedStep::Finding::needed);
  CHECK(finding(2) == LookedStep::Finding::done);  // of another host
}

TEST_CASE("a lost connection is made again and the step is looked at anew") {
  World w;
  auto step = w.add("a", "one");
  SECTION("before the change: applied again") {
    w.machine("a").break_at_call(3, FakeMachine::When::before);  // after the check and begin()
    RunSummary out = w.run();
    CHECK(out.complete());
    CHECK(out.changed == 1);
    CHECK(step->applied == 2);
  }
  SECTION("after the change: found done, not applied twice") {
    w.machine("a").break_at_call(3, FakeMachine::When::after);
    RunSummary out = w.run();
    CHECK(out.complete());
    CHECK(out.changed == 1);
    CHECK(step->applied == 1);
  }
  CHECK(w.connects == 2);
}

TEST_CASE("a worker that can't be reached is left out, the exit code says partial") {
  World w;
  w.add("a", "one");
  w.add("b", "one");
  w.machine("a").set_reachable(false);
  RunSummary out = w.run();
  CHECK_FALSE(out.complete());
  REQUIRE(out.hosts.size() == 2);
  CHECK(out.hosts[0].outcome == HostEnd::aside);
  CHECK(out.hosts[0].error->code == ErrorCode::unreachable);
  CHECK(out.hosts[1].outcome == HostEnd::delivered);
  CHECK(out.error()->code == ErrorCode::partial);
  CHECK(w.clock.monotonic() >= Duration{70'000});
  CHECK(w.connects == 7);  // the first and five more for a, one for b
}

TEST_CASE("a host left out before the run is reported with its reason and not connected") {
  World w;
  w.add("a", "one");
  w.add("b", "one");
  w.options.aside.emplace("a", Error{ErrorCode::unreachable, "no route", {}});
  RunSummary out = w.run();
  CHECK(out.hosts[0].outcome == HostEnd::aside);
  CHECK(out.hosts[0].error->what == "no route");
  CHECK(w.connects == 1);
  CHECK(w.events.count(EventKind::host_aside) == 1);
}

TEST_CASE("only what may be worth it is tried again") {
  World w;
  auto once = w.add("a", "one", OnFailure::set_aside,
                    [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "exit 1"); });
  auto twice = w.add("b", "one", OnFailure::set_aside,
                     [](StepContext&) -> Result<void> { return fail(ErrorCode::timeout, "no end"); });
  RunSummary out = w.run();
  CHECK(once->applied == 1);
  CHECK(twice->applied == 2);
  CHECK(out.hosts[0].failed_step == "one");
  CHECK(out.hosts[0].error->code == ErrorCode::command_failed);
}

TEST_CASE("a failed control plane ends the run with its error") {
  World w;
  w.add("cp", "init", OnFailure::end_run,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "kubeadm said no"); });
  w.add("w", "join", OnFailure::set_aside, {}, {0});
  RunSummary out = w.run();
  REQUIRE(out.error());
  CHECK(out.error()->code == ErrorCode::command_failed);
  CHECK(out.error()->text().contains("init on cp"));
  CHECK(out.hosts[0].outcome == HostEnd::failed);
  CHECK(out.hosts[1].outcome == HostEnd::interrupted);
  CHECK(out.hosts[1].not_run == 1);
}

TEST_CASE("the end of the run stops what is running elsewhere") {
  World w;
  std::atomic<bool> waiting = false;
  w.add("cp", "init", OnFailure::end_run, [&](StepContext&) -> Result<void> {
    while (!waiting) base::system_clock().sleep(Duration{1});
    return fail(ErrorCode::command_failed, "no");
  });
  w.add("w", "long", OnFailure::set_aside, [&](StepContext& context) -> Result<void> {
    waiting = true;
    while (true) {
      SEALIFT_TRY(context.cancel.check());
      base::system_clock().sleep(Duration{1});
    }
  });
  RunSummary out = w.run();
  CHECK(out.error()->code == ErrorCode::command_failed);
  CHECK(out.hosts[1].outcome == HostEnd::interrupted);
}

TEST_CASE("cancelling stops the run with its own code") {
  World w;
  w.add("a", "long", OnFailure::set_aside, [&](StepContext& context) -> Result<void> {
    w.cancel.cancel();
    while (true) {
      SEALIFT_TRY(context.cancel.check());
      base::system_clock().sleep(Duration{1});
    }
  });
  w.add("a", "next");
  RunSummary out = w.run();
  CHECK(out.error()->code == ErrorCode::cancelled);
  CHECK(out.hosts[0].not_run == 2);
}

TEST_CASE("a failure after the cluster was touched is unfinished") {
  World w;
  w.add("w", "join", OnFailure::set_aside,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "no"); });
  w.plan.steps[0].changes_cluster = true;
  w.add("v", "prepare", OnFailure::set_aside,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "no"); });
  RunSummary out = w.run();
  CHECK(out.hosts[0].outcome == HostEnd::unfinished);
  CHECK(out.hosts[1].outcome == HostEnd::aside);
}

TEST_CASE("a host that joined in an earlier run and fails now is unfinished, not merely left out") {
  World w;
  w.add("w", "join");
  w.plan.steps[0].changes_cluster = true;
  w.run();
  w.add("w", "label", OnFailure::set_aside,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "no"); }, {0});
  // one that never reached its join
  w.add("v", "prepare", OnFailure::set_aside,
        [](StepContext&) -> Result<void> { return fail(ErrorCode::command_failed, "no"); });
  w.add("v", "join", OnFailure::set_aside, {}, {2});
  w.plan.steps[3].changes_cluster = true;
  RunSummary out = w.run();
  CHECK(out.hosts[0].skipped == 1);
  CHECK(out.hosts[0].failed_step == "label");
  CHECK(out.hosts[0].outcome == HostEnd::unfinished);
  CHECK(out.hosts[1].outcome == HostEnd::aside);
}

TEST_CASE("the dry run looks and changes nothing") {
  World w;
  w.add("a", "one");
  w.run();
  auto two = w.add("a", "two");
  w.add("b", "one");
  w.add("c", "one");
  w.machine("c").set_reachable(false);
  size_t changes = w.machine("a").changes.size();
  auto out = look(w.plan, w.pool, {}, w.options);
  REQUIRE(out);
  CHECK(out->steps[0].finding == LookedStep::Finding::done);
  CHECK(out->steps[1].finding == LookedStep::Finding::needed);
  CHECK(out->steps[1].description == "write two");
  CHECK(out->steps[2].finding == LookedStep::Finding::needed);
  CHECK(out->steps[3].finding == LookedStep::Finding::aside);
  CHECK(out->needed == 2);
  CHECK(out->aside.contains("c"));
  CHECK_FALSE(out->ended_by);
  CHECK(two->applied == 0);
  CHECK(w.machine("a").changes.size() == changes);
}

TEST_CASE("a control plane that the dry run can't look at is its error") {
  World w;
  w.add("cp", "one", OnFailure::end_run);
  w.machine("cp").set_reachable(false);
  auto out = look(w.plan, w.pool, {}, w.options);
  REQUIRE(out);
  REQUIRE(out->ended_by);
  CHECK(out->ended_by->code == ErrorCode::unreachable);
}

TEST_CASE("the dry run says of a check that failed whether it may only be too early") {
  class Broken final : public Step {
   public:
    explicit Broken(std::string id, Error error) : id_(std::move(id)), error_(std::move(error)) {}
    StepId id() const override { return id_; }
    std::string describe() const override { return id_; }
    Digest inputs() const override { return {}; }
    Result<StepState> check(const LookContext&) override { return fail(error_); }
    Result<void> apply(StepContext&) override { return {}; }

   private:
    std::string id_;
    Error error_;
  };
  World w;
  const Error refused{ErrorCode::command_failed, "connection refused", {}};
  const auto broken = [&](const std::string& host, const std::string& id, std::vector<size_t> after, Error error) {
    w.add(host, id, OnFailure::set_aside, {}, std::move(after));
    w.plan.steps.back().step = std::make_shared<Broken>(id, std::move(error));
  };
  broken("a", "alone", {}, refused);                                   // 0: no prerequisite is missing
  w.add("b", "first");                                                 // 1: needed
  broken("b", "later", {}, refused);                                   // 2: after a needed step of its host
  w.add("c", "there");                                                 // 3: done
  broken("c", "on-other-host", {1}, refused);                          // 4: its prerequisite on another host is missing
  broken("c", "on-what-is-there", {3}, refused);                       // 5: after a failed check of its host only
  broken("d", "lost", {}, Error{ErrorCode::unreachable, "gone", {}});  // 6
  w.add("d", "after-it");                                              // 7: no longer inspected
  w.machine("c").world.files["/etc/there"] = {};
  const auto out = look(w.plan, w.pool, {}, w.options);
  REQUIRE(out);
  using enum LookedStep::Finding;
  std::vector<LookedStep::Finding> found;
  for (const auto& step : out->steps) found.push_back(step.finding);
  CHECK(found == std::vector{unknown, needed, needed, done, needed, needed, aside, aside});
  CHECK(out->steps[0].error->what == "connection refused");
  for (size_t i : {size_t{1}, size_t{2}, size_t{4}, size_t{5}}) CHECK_FALSE(out->steps[i].error);
  CHECK(out->needed == 4);
  CHECK(out->aside.at("d").what == "gone");
  CHECK(out->aside.size() == 1);
  CHECK_FALSE(out->ended_by);
}

TEST_CASE("the dry run does not connect to hosts that are left out, and stops when it is told to") {
  World w;
  w.add("a", "one");
  w.add("b", "one");
  w.options.aside.emplace("a", Error{ErrorCode::auth_failed, "wrong password", {}});
  const auto out = look(w.plan, w.pool, {}, w.options);
  REQUIRE(out);
  CHECK(out->steps[0].finding == LookedStep::Finding::aside);
  CHECK(out->steps[0].description == "write one");
  CHECK(out->aside.at("a").what == "wrong password");
  CHECK(w.connects == 1);
  w.cancel.cancel();
  const auto cancelled = look(w.plan, w.pool, w.cancel.token(), w.options);
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == ErrorCode::cancelled);
}

TEST_CASE("applications: several at once, and one that fails stops those that need it alone") {
  World w;
  std::atomic<int> together = 0, most = 0;
  std::vector<StepId> seen;
  const auto add = [&](const std::string& id, Body body, std::vector<size_t> after = {}) {
    auto step = w.add("cp", id, OnFailure::alone, std::move(body), std::move(after));
    w.plan.steps.back().lane = Lane::applications;
    return step;
  };
  const Body meets = [&](StepContext&) -> Result<void> {
    const int now = ++together;
    int known = most;
    while (known < now && !most.compare_exchange_weak(known, now)) {
    }
    for (int i = 0; i < 5000 && most < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --together;
    return {};
  };
  const auto fails = [](ErrorCode code) {
    return [code](StepContext&) -> Result<void> { return fail(code, "it is broken"); };
  };
  for (const char* id : {"a", "b", "c", "d"}) add(id, meets);
  add("redis", fails(ErrorCode::unhealthy));
  const auto erp = add("erp", {}, {4});
  w.add("cp", "healthy", OnFailure::end_run, [&](StepContext& context) -> Result<void> {
    seen = context.looking().not_done;
    return {};
  });
  w.plan.steps.back().after_any = {0, 1, 2, 3, 4, 5};
  w.options.limits.applications = 3;
  const auto first = w.run();
  CHECK(most == 3);
  CHECK(erp->applied == 0);
  CHECK(seen == std::vector<StepId>{"redis", "erp"});
  REQUIRE(first.hosts.size() == 1);
  CHECK(first.hosts[0].outcome == HostEnd::delivered);
  CHECK(first.hosts[0].done == 5);
  CHECK(first.hosts[0].failed == 0);
  REQUIRE(first.alone.size() == 6);
  CHECK(first.alone[4].status == StepStatus::failed);
  CHECK(first.alone[5].status == StepStatus::left_out);
  CHECK(first.alone[5].error->text().contains("needs redis, which was not done"));
  CHECK_FALSE(first.complete());
  REQUIRE(first.error());
  CHECK(first.error()->code == ErrorCode::unhealthy);
  CHECK(first.error()->text() == "it is broken; 1 step was not tried, as it needs what failed (while redis on cp)");
  SECTION("failures of different kinds are partial success, those of one kind have its code") {
    add("broken", fails(ErrorCode::command_failed));
    CHECK(w.run().error()->code == ErrorCode::partial);
    w.plan.steps.pop_back();
    add("ill", fails(ErrorCode::unhealthy));
    const auto both = w.run().error();
    CHECK(both->code == ErrorCode::unhealthy);
    CHECK(both->what.contains("2 steps failed: redis, ill"));
  }
  SECTION("a control plane that is gone is no application's fault: the run ends, once") {
    w.machine("cp").set_reachable(false);
    const auto gone = w.run();
    REQUIRE(gone.ended_by);
    CHECK(gone.ended_by->code == ErrorCode::unreachable);
  }
}
