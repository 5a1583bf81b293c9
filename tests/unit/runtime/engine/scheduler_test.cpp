// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/scheduler.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::engine;

namespace {

class Named final : public Step {
 public:
  explicit Named(std::string id) : id_(std::move(id)) {}
  StepId id() const override { return id_; }
  std::string describe() const override { return id_; }
  Digest inputs() const override { return {}; }
  Result<StepState> check(const LookContext&) override { return StepState::needed; }
  Result<void> apply(StepContext&) override { return {}; }

 private:
  std::string id_;
};

struct Builder {
  Plan plan;
  size_t add(const std::string& host, const std::string& id, std::vector<size_t> after = {},
             OnFailure on_failure = OnFailure::set_aside, std::vector<size_t> after_any = {}, Lane lane = Lane::main) {
    PlannedStep planned;
    planned.step = std::make_shared<Named>(id);
    planned.host = host;
    planned.after = std::move(after);
    planned.after_any = std::move(after_any);
    planned.on_failure = on_failure;
    planned.lane = lane;
    plan.steps.push_back(std::move(planned));
    return plan.steps.size() - 1;
  }
};

using Steps = std::vector<size_t>;

}  // namespace

TEST_CASE("a plan with an edge forwards is our own mistake") {
  Builder b;
  b.add("a", "one", {0});
  REQUIRE(validate(b.plan).error().code == ErrorCode::internal);
}

TEST_CASE("a plan with the same step twice on a host is our own mistake") {
  Builder b;
  b.add("a", "one");
  b.add("b", "one");
  REQUIRE(validate(b.plan));
  b.add("a", "one");
  REQUIRE(validate(b.plan).error().code == ErrorCode::internal);
}

TEST_CASE("a host does one step at a time, in the plan's order") {
  Builder b;
  b.add("a", "one");
  b.add("a", "two");
  b.add("b", "one");
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{0, 2});
  CHECK(s.start().empty());
  s.done(0);
  CHECK(s.start() == Steps{1});
  s.done(1);
  CHECK_FALSE(s.finished());
  s.skipped(2);
  CHECK(s.finished());
}

TEST_CASE("a step that gets ready on a busy host waits, and so does what waited before it") {
  Builder b;
  b.add("a", "one");
  b.add("a", "two");
  const size_t elsewhere = b.add("b", "one");
  b.add("a", "three", {elsewhere});
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{0, elsewhere});
  s.done(elsewhere);
  CHECK(s.start().empty());
  s.done(0);
  CHECK(s.start() == Steps{1});
  s.done(1);
  CHECK(s.start() == Steps{3});
}

TEST_CASE("the bytes lane goes on beside the main one") {
  Builder b;
  b.add("a", "main");
  b.add("a", "bytes", {}, OnFailure::set_aside, {}, Lane::bytes);
  b.add("a", "more bytes", {}, OnFailure::set_aside, {}, Lane::bytes);
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{0, 1});
  s.done(1);
  CHECK(s.start() == Steps{2});
}

TEST_CASE("applications of a host go on side by side, as many as there may be, in the plan's order") {
  Builder b;
  const size_t before = b.add("a", "main");
  Steps apps;
  for (int i = 0; i < 5; ++i)
    apps.push_back(b.add("a", "app." + std::to_string(i), {before}, OnFailure::alone, {}, Lane::applications));
  const size_t late = b.add("a", "app.late", {apps[4]}, OnFailure::alone, {}, Lane::applications);
  Scheduler s(b.plan, {.main = 64, .bytes = 4, .applications = 3});
  CHECK(s.start() == Steps{before});
  s.done(before);
  CHECK(s.start() == Steps{apps[0], apps[1], apps[2]});
  CHECK(s.start().empty());
  s.skipped(apps[1]);
  CHECK(s.start() == Steps{apps[3]});
  s.done(apps[0]);
  s.done(apps[2]);
  CHECK(s.start() == Steps{apps[4]});
  s.done(apps[4]);
  CHECK(s.start() == Steps{late});
  s.done(apps[3]);
  s.done(late);
  CHECK(s.finished());
}

TEST_CASE("what fails alone leaves out only what needs it, however far, and nobody's host") {
  Builder b;
  const size_t redis = b.add("a", "app.redis", {}, OnFailure::alone, {}, Lane::applications);
  const size_t erp = b.add("a", "app.erp", {redis}, OnFailure::alone, {}, Lane::applications);
  const size_t desk = b.add("a", "app.desk", {erp, redis}, OnFailure::alone, {}, Lane::applications);
  const size_t other = b.add("a", "app.other", {}, OnFailure::alone, {}, Lane::applications);
  const size_t healthy = b.add("a", "healthy", {}, OnFailure::end_run, {redis, erp, desk, other});
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{redis, other});
  const auto left = s.failed(redis);
  CHECK(left.aside.empty());
  CHECK_FALSE(left.ends_run);
  REQUIRE(left.left_out.size() == 2);
  CHECK((left.left_out[0].step == erp && left.left_out[0].needed == redis));
  CHECK((left.left_out[1].step == desk && left.left_out[1].needed == erp));
  CHECK(s.status(erp) == StepStatus::left_out);
  CHECK_FALSE(s.is_aside("a"));
  CHECK(s.start().empty());
  s.done(other);
  CHECK(s.start() == Steps{healthy});
  s.done(healthy);
  CHECK(s.finished());
}

TEST_CASE("what fails alone ends the run if its host is gone, or if what needs it would") {
  Builder b;
  const size_t app = b.add("a", "app.one", {}, OnFailure::alone, {}, Lane::applications);
  b.add("a", "app.two", {}, OnFailure::alone, {}, Lane::applications);
  {
    Scheduler s(b.plan, {.main = 1, .bytes = 1, .applications = 1});
    CHECK(s.start() == Steps{app});
    CHECK(s.failed(app, true).ends_run == app);
    CHECK(s.ended());
    CHECK(s.finished());
  }
  b.add("a", "last", {app}, OnFailure::end_run);
  Scheduler s(b.plan, {});
  (void)s.start();
  CHECK(s.failed(app).ends_run == app);
}

TEST_CASE("never more steps at once than the limit") {
  Builder b;
  for (int i = 0; i < 10; ++i) b.add("h" + std::to_string(i), "one");
  Scheduler s(b.plan, {.main = 3, .bytes = 1});
  CHECK(s.start() == Steps{0, 1, 2});
  CHECK(s.start().empty());
  s.done(1);
  CHECK(s.start() == Steps{3});
}

TEST_CASE("a step waits for all that it needs") {
  Builder b;
  size_t one = b.add("a", "one");
  size_t two = b.add("b", "two");
  size_t both = b.add("c", "both", {one, two});
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{one, two});
  s.done(one);
  CHECK(s.start().empty());
  s.skipped(two);
  CHECK(s.start() == Steps{both});
}

TEST_CASE("a failed step sets its host aside, others go on") {
  Builder b;
  size_t bad = b.add("a", "one");
  b.add("a", "two");
  size_t good = b.add("b", "one");
  size_t last = b.add("b", "two", {good});
  Scheduler s(b.plan, {});
  s.start();
  auto consequence = s.failed(bad);
  REQUIRE(consequence.aside.size() == 1);
  CHECK(consequence.aside[0].host == "a");
  CHECK(consequence.aside[0].cause == bad);
  CHECK_FALSE(consequence.ends_run);
  CHECK(s.status(1) == StepStatus::aside);
  s.done(good);
  CHECK(s.start() == Steps{last});
  s.done(last);
  CHECK(s.finished());
}

TEST_CASE("who needs what was not done is set aside too, and so on") {
  Builder b;
  size_t bad = b.add("a", "one");
  size_t next = b.add("b", "needs a", {bad});
  b.add("c", "needs b", {next});
  size_t free = b.add("d", "free");
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{bad, free});
  auto consequence = s.failed(bad);
  REQUIRE(consequence.aside.size() == 3);
  CHECK(consequence.aside[2].host == "c");
  CHECK(consequence.aside[2].cause == bad);
  CHECK(s.status(2) == StepStatus::aside);
  CHECK_FALSE(s.finished());
  s.done(free);
  CHECK(s.finished());
}

TEST_CASE("who only waits for a step goes on after it failed") {
  Builder b;
  size_t one = b.add("a", "join");
  size_t two = b.add("b", "join");
  size_t apps = b.add("cp", "apps", {}, OnFailure::end_run, {one, two});
  Scheduler s(b.plan, {});
  CHECK(s.start() == Steps{one, two});
  s.failed(one);
  CHECK(s.start().empty());
  s.done(two);
  CHECK(s.start() == Steps{apps});
}

TEST_CASE("who only waits for a step of a host that was left out goes on") {
  Builder b;
  size_t prepare = b.add("a", "prepare");
  size_t join = b.add("a", "join", {prepare});
  size_t apps = b.add("cp", "apps", {}, OnFailure::end_run, {join});
  Scheduler s(b.plan, {});
  s.start();
  s.failed(prepare);
  CHECK(s.start() == Steps{apps});
}

TEST_CASE("a failed control plane ends the run") {
  Builder b;
  size_t init = b.add("cp", "init", {}, OnFailure::end_run);
  size_t other = b.add("w", "prepare");
  b.add("w", "join", {init});
  Scheduler s(b.plan, {});
  s.start();
  auto consequence = s.failed(init);
  CHECK(consequence.ends_run == init);
  CHECK(consequence.aside.empty());
  CHECK(s.status(2) == StepStatus::not_run);
  CHECK_FALSE(s.finished());
  s.done(other);
  CHECK(s.start().empty());
  CHECK(s.finished());
}

TEST_CASE("a control plane that needs what was not done ends the run") {
  Builder b;
  size_t bad = b.add("w", "one");
  b.add("cp", "needs w", {bad}, OnFailure::end_run);
  Scheduler s(b.plan, {});
  s.start();
  const auto followed = s.failed(bad);
  CHECK(followed.ends_run == bad);
  REQUIRE(followed.aside.size() == 1);  // a control plane is not left out: the run ends
  CHECK(followed.aside[0].host == "w");
  CHECK(s.ended());
}

TEST_CASE("a host set aside from outside does not start; a control plane ends the run") {
  Builder b;
  b.add("w", "one");
  b.add("cp", "init", {}, OnFailure::end_run);
  {
    Scheduler s(b.plan, {});
    auto consequence = s.set_aside("w");
    REQUIRE(consequence.aside.size() == 1);
    CHECK_FALSE(consequence.aside[0].cause);
    CHECK(s.start() == Steps{1});
    CHECK(s.set_aside("unknown").aside.empty());
  }
  Scheduler s(b.plan, {});
  CHECK(s.set_aside("cp").ends_run == size_t{1});
  CHECK(s.start().empty());
}

TEST_CASE("what runs on a host that was set aside ends as it ends") {
  Builder b;
  size_t bad = b.add("a", "one");
  size_t bytes = b.add("a", "bytes", {}, OnFailure::set_aside, {}, Lane::bytes);
  b.add("b", "needs bytes", {bytes});
  Scheduler s(b.plan, {});
  s.start();
  s.failed(bad);
  s.done(bytes);
  CHECK(s.status(bytes) == StepStatus::done);
  CHECK(s.start() == Steps{2});
}

TEST_CASE("an interrupted step ends the run") {
  Builder b;
  b.add("a", "one");
  b.add("b", "one");
  b.add("a", "two");
  Scheduler s(b.plan, {});
  s.start();
  s.interrupted(0);
  CHECK(s.status(0) == StepStatus::interrupted);
  CHECK(s.status(2) == StepStatus::not_run);
  s.done(1);
  CHECK(s.finished());
}
