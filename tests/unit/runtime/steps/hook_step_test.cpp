// SPDX-License-Identifier: Apache-2.0
//
// A hook on one host: what it runs with, when it is done, what it leaves, and what is told of it.
#include "runtime/steps/hook_step.h"
#include "payload/base/format.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/undo_list.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using config::HookConfig;
using engine::StepState;
using tests::Bench;
using Phase = HookConfig::Phase;

namespace {

constexpr std::string_view kProgram = "/usr/local/lib/sealift/hook-tidy";
constexpr std::string_view kInput = "/run/sealift/hooks/tidy/input";
constexpr std::string_view kUnit = "sealift-hook-tidy.service";

struct Hooked : tests::Site {
  HookConfig hook;
  // What was there while the program ran.
  struct Ran {
    base::Command command;
    std::string program, input;
    uint32_t program_mode = 0, input_mode = 0, folder_mode = 0;
  };
  std::vector<Ran> ran;
  Result<base::ExitStatus> ends = tests::ended();

  Hooked() {
    add_base();
    add_file("hooks/packed.sh", "#!/bin/sh\necho packed\n");
    hook.name = "tidy";
    hook.program = "#!/bin/sh\necho own\n";
    for (auto* bench : {&control_plane, &worker}) {
      bench->machine.programs["exe"] = [this](tests::FakeMachine& self, const base::Command& command,
                                              const base::CommandIo&) {
        Ran now{command, {}, {}};
        if (const auto file = self.world.files.find(std::string(kProgram)); file != self.world.files.end()) {
          now.program = base::as_text(file->second.content);
          now.program_mode = file->second.spec.mode;
        }
        if (const auto file = self.world.files.find(std::string(kInput)); file != self.world.files.end()) {
          now.input = base::as_text(file->second.content);
          now.input_mode = file->second.spec.mode;
          now.folder_mode = self.world.files.at("/run/sealift/hooks/tidy").spec.mode;
        }
        ran.push_back(std::move(now));
        return ends;
      };
    }
  }
  steps::HookStep step(const steps::Node& node, std::string leaving = {}) {
    return {{config, model().payload}, hook, node, std::move(leaving)};
  }
  steps::HookStep on_worker() { return step(worker_node()); }
  steps::HookStep on_control_plane() { return step(control_plane_node()); }
};

bool has(const std::vector<std::string>& words, std::string_view word) { return std::ranges::contains(words, word); }

std::string told(const Bench& bench) {
  std::string out;
  for (const auto& event : bench.events.events()) {
    if (event.kind != EventKind::message) continue;
    CHECK(event.level == Level::debug);
    CHECK(event.step == "hook.tidy");
    CHECK(event.host == bench.machine.name());
    out += event.message;
  }
  return out;
}

// In none of what stays: files, ledger, changes, events.
void check_nowhere(const Bench& bench, std::string_view secret) {
  for (const auto& [path, file] : bench.machine.world.files) {
    INFO(path);
    CHECK_FALSE(base::as_text(file.content).contains(secret));
  }
  for (const auto& change : bench.machine.changes) CHECK_FALSE(change.contains(secret));
  for (const auto& event : bench.events.events()) CHECK_FALSE(event.message.contains(secret));
}

}  // namespace

TEST_CASE("hook: its program and input are there for as long as it runs, for root alone") {
  Hooked hooked;
  hooked.hook.input = Secret("hunter2\n");
  hooked.hook.arguments = {"--fast", "a b"};
  hooked.hook.timeout = Duration{90'000};
  auto step = hooked.on_worker();
  CHECK(step.id() == "hook.tidy");
  hooked.worker.bring(step);
  REQUIRE(hooked.ran.size() == 1);
  const auto& ran = hooked.ran.front();
  CHECK(ran.program == hooked.hook.program);
  CHECK(ran.program_mode == 0700);
  CHECK(ran.input == "hunter2\n");
  CHECK(ran.input_mode == 0600);
  CHECK(ran.folder_mode == 0700);
  CHECK(ran.command.timeout == Duration{90'000});
  CHECK(ran.command.text() ==
        "/proc/self/exe node hook --program /usr/local/lib/sealift/hook-tidy --input "
        "/run/sealift/hooks/tidy/input -- --fast 'a b'");
  CHECK(hooked.worker.changed("job sealift-hook-tidy:") == 1);
  CHECK_FALSE(hooked.worker.has(std::string(kProgram)));
  CHECK_FALSE(hooked.worker.has("/run/sealift/hooks/tidy"));
  check_nowhere(hooked.worker, "hunter2");
}

TEST_CASE("hook: what its program is told of its place and moment") {
  Hooked hooked;
  hooked.hook.phase = Phase::app;
  hooked.hook.app = "redis";
  hooked.hook.is_before = false;
  auto here = hooked.on_control_plane(), there = hooked.on_worker();
  hooked.control_plane.bring(here);
  hooked.worker.bring(there);
  REQUIRE(hooked.ran.size() == 2);
  const auto& on_plane = hooked.ran[0].command.environment;
  CHECK(on_plane == std::vector<std::string>{"SEALIFT_CLUSTER=plant7", "SEALIFT_HOOK=tidy",
                                             "SEALIFT_PHASE=after app/redis", "SEALIFT_NODE=cp1",
                                             "SEALIFT_NODE_IP=10.7.0.11", "SEALIFT_ROLE=control-plane",
                                             "KUBECONFIG=/etc/kubernetes/admin.conf"});
  const auto& on_worker = hooked.ran[1].command.environment;
  CHECK(has(on_worker, "SEALIFT_ROLE=worker"));
  CHECK(has(on_worker, "SEALIFT_NODE=w1"));
  CHECK_FALSE(std::ranges::any_of(on_worker, [](const auto& one) { return one.starts_with("KUBECONFIG"); }));
  CHECK(has(hooked.ran[0].command.argv, "--program"));
  CHECK_FALSE(has(hooked.ran[0].command.argv, "--input"));  // it has none
}

TEST_CASE("hook: a program of the artifact") {
  Hooked hooked;
  hooked.hook.program.clear();
  hooked.hook.packed = "hooks/packed.sh";
  auto step = hooked.on_worker();
  hooked.worker.bring(step);
  CHECK(hooked.ran.front().program == "#!/bin/sh\necho packed\n");
  CHECK(hooked.ran.front().program_mode == 0700);
}

TEST_CASE("hook: it runs again if anything of it changes, else only if every run is its wish") {
  Hooked hooked;
  hooked.hook.input = Secret("hunter2");
  hooked.hook.arguments = {"ab", "c"};
  auto first = hooked.on_worker();
  hooked.worker.bring(first);
  const auto changed = [&](auto change) {
    const auto before = hooked.hook;
    change(hooked.hook);
    auto step = hooked.on_worker();
    const auto state = hooked.worker.check(step);
    hooked.hook = before;
    return state == StepState::needed;
  };
  CHECK_FALSE(changed([](HookConfig&) {}));
  CHECK_FALSE(changed([](HookConfig& hook) { hook.timeout = Duration{1000}; }));
  CHECK(changed([](HookConfig& hook) { hook.program += "\n"; }));
  CHECK(changed([](HookConfig& hook) { hook.arguments = {"a", "bc"}; }));
  CHECK(changed([](HookConfig& hook) { hook.arguments = {"ab"}; }));
  CHECK(changed([](HookConfig& hook) { hook.input = Secret("hunter3"); }));
  CHECK(changed([](HookConfig& hook) { hook.input = Secret(); }));
  CHECK(changed([](HookConfig& hook) { hook.is_before = false; }));
  CHECK(changed([](HookConfig& hook) { hook.phase = Phase::cluster; }));
  CHECK(changed([](HookConfig& hook) {
    hook.program.clear();
    hook.packed = "hooks/packed.sh";
  }));
  hooked.hook.every_run = true;
  auto again = hooked.on_worker();
  REQUIRE(hooked.worker.apply(again));
  CHECK(hooked.worker.check(again) == StepState::needed);
}

TEST_CASE("hook: what it prints is told, its input is not") {
  Hooked hooked;
  hooked.hook.input = Secret("user=ops\npassword: \"hunter2\"\n");
  hooked.ends = base::ExitStatus{0, "logged in as ops with hunter2\nuser=ops\n\x1b[31mred\n", "hunter2 again\n"};
  auto step = hooked.on_worker();
  hooked.worker.bring(step);
  const auto said = told(hooked.worker);
  CHECK(said.starts_with("hook tidy:\nlogged in as ops with (not shown)\n(not shown)\n"));
  CHECK(said.contains("(not shown) again"));
  CHECK_FALSE(said.contains('\x1b'));
  check_nowhere(hooked.worker, "hunter2");
}

TEST_CASE("hook: of much output its end is told, in whole lines") {
  Hooked hooked;
  std::string output;
  for (int i = 0; i < 10'000; ++i) output += base::format("line {}\n", i);
  hooked.ends = tests::ended(output);
  auto step = hooked.on_worker();
  hooked.worker.bring(step);
  const auto said = told(hooked.worker);
  CHECK(said.starts_with("hook tidy:\n…\nline "));
  CHECK(said.ends_with("\nline 9999"));
  CHECK(said.size() < 17'000);
}

TEST_CASE("hook: one that fails says why, leaves nothing, and is not done") {
  Hooked hooked;
  hooked.hook.input = Secret("hunter2");
  hooked.ends = base::ExitStatus{3, "much\n", "no room for hunter2\n"};
  auto step = hooked.on_worker();
  const auto done = hooked.worker.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().what == "the hook tidy (before hosts) ended with code 3: no room for (not shown)");
  CHECK(told(hooked.worker).contains("much"));
  CHECK_FALSE(hooked.worker.has(std::string(kProgram)));
  CHECK_FALSE(hooked.worker.has(std::string(kInput)));
  CHECK(hooked.worker.check(step) == StepState::needed);
  hooked.ends = tests::ended();
  hooked.worker.bring(step);
}

TEST_CASE("hook: one that takes too long is stopped and not tried again at once; nothing of it stays") {
  Hooked hooked;
  hooked.ends = fail(ErrorCode::timeout, "late");
  auto step = hooked.on_worker();
  const auto done = hooked.worker.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().what.contains("did not end within 600 s"));
  CHECK_FALSE(hooked.worker.has(std::string(kProgram)));
}

TEST_CASE("hook: nothing is taken away under a program that still runs, and it is waited for") {
  Hooked hooked;
  hooked.hook.input = Secret("hunter2");
  auto& machine = hooked.worker.machine;
  hooked.ends = fail(ErrorCode::cancelled, "killed");
  machine.world.units[std::string(kUnit)].active = true;
  auto step = hooked.on_worker();
  hooked.worker.put(std::string(kProgram), "of a killed run");
  CHECK_FALSE(hooked.worker.apply(step));
  CHECK(hooked.worker.text(std::string(kProgram)) == "of a killed run");
  CHECK_FALSE(hooked.worker.has(std::string(kInput)));
  // The next run finds it at work, and then its result.
  hooked.ends = tests::ended();
  hooked.worker.bring(step);
  CHECK_FALSE(hooked.worker.has(std::string(kProgram)));
}

TEST_CASE("hook: a connection that breaks at any of its changes costs nothing but another attempt") {
  for (uint64_t at = 1;; ++at) {
    Hooked hooked;
    hooked.hook.input = Secret("hunter2");
    auto step = hooked.on_worker();
    uint64_t seen = 0;
    bool broke = false;
    hooked.worker.machine.before_change = [&](const std::string&, const std::string&) -> Result<void> {
      if (++seen != at) return {};
      broke = true;
      return fail(ErrorCode::unreachable, "broken");
    };
    const auto first = hooked.worker.apply(step);
    hooked.worker.machine.before_change = {};
    if (!broke) break;
    INFO("change " << at);
    CHECK_FALSE(first);
    CHECK(hooked.worker.check(step) == StepState::needed);
    hooked.worker.bring(step);
    CHECK(hooked.ran.size() <= 2);
    check_nowhere(hooked.worker, "hunter2");
    CHECK_FALSE(hooked.worker.has(std::string(kProgram)));
  }
}

TEST_CASE("hook: of a reset only where something was delivered") {
  Hooked hooked;
  hooked.hook.phase = Phase::reset;
  auto step = hooked.on_worker();
  CHECK(hooked.worker.check(step) == StepState::done);
  REQUIRE(hooked.worker.host->record({"files.base", "x"}));
  CHECK(hooked.worker.check(step) == StepState::needed);
  REQUIRE(hooked.worker.host->record({std::string(steps::kResetEnd), "x"}));
  CHECK(hooked.worker.check(step) == StepState::done);
}

TEST_CASE("hook: of a removal, for another host; recorded on that one alone") {
  Hooked hooked;
  hooked.hook.phase = Phase::remove;
  auto step = hooked.step(hooked.control_plane_node(), "w1");
  CHECK(step.id() == "hook.tidy.w1");
  hooked.worker.bring(step);
  CHECK(hooked.control_plane.changed("job sealift-hook-tidy.w1:") == 1);
  CHECK(hooked.worker.changed("job") == 0);
  CHECK(has(hooked.ran.front().command.environment, "SEALIFT_LEAVING=w1"));
  CHECK(has(hooked.ran.front().command.environment, "SEALIFT_NODE=cp1"));
  CHECK_FALSE(hooked.control_plane.has("/usr/local/lib/sealift/hook-tidy.w1"));
  // of a dead one, whose name may come and go again
  auto dead = hooked.step(hooked.control_plane_node(), "w1");
  REQUIRE(hooked.control_plane.apply(dead));
  CHECK(hooked.control_plane.check(dead) == StepState::needed);
}

namespace {

struct Checked {
  format::Contents contents;
  config::ClusterConfig config;
  std::vector<steps::SelectedApp> apps;

  Checked() {
    config.path = "site/cluster.yaml";
    contents.base_document = "base.yaml";
    contents.tree["bin/tool"] = {};
    contents.apps = {{"redis", format::AppKind::helm, false, "charts/redis", {}, {}},
                     {"erp", format::AppKind::helm, false, "charts/erp", {}, {}},
                     {"shop-web", format::AppKind::helm, false, "charts/web", {}, {}}};
    contents.apps[2].part_of = "shop";
    for (const size_t app : std::to_array<size_t>({0, 2})) {
      apps.emplace_back();
      apps.back().app = &contents.apps[app];
    }
    config.hooks.emplace_back();
    config.hooks[0].name = "tidy";
    config.hooks[0].program = "#!/bin/sh\n";
    config.hooks[0].place = {9, 1};
    config.hooks[0].app_place = {13, 11};
  }
  HookConfig& hook() { return config.hooks[0]; }
  Result<void> check(bool elsewhere = false) {
    return steps::check_hooks(contents, config, apps, [=](const std::string&) { return elsewhere; });
  }
  void refused(std::string_view what, ErrorCode code = ErrorCode::invalid_config) {
    const auto checked = check();
    REQUIRE_FALSE(checked);
    INFO(checked.error().what);
    CHECK(checked.error().code == code);
    CHECK(checked.error().what.contains(what));
  }
};

}  // namespace

TEST_CASE("hooks against the artifact: the application is one of the delivery") {
  Checked site;
  site.hook().phase = Phase::app;
  site.hook().app = "redis";
  CHECK(site.check());
  site.hook().app = "rediss";
  site.refused(
      "site/cluster.yaml:13:11: the hook \"tidy\": \"rediss\" is no application of this delivery; did you mean "
      "\"redis\"?");
  CHECK(site.check(true));  // of another artifact
  site.hook().app = "shop";
  site.refused("stands for several applications; name one of shop-web");
  site.hook().app = "erp";
  site.refused("\"erp\" is not delivered; name it in spec.apps");
  site.config.applications.emplace_back();
  site.config.applications[0].name = "erp";
  site.config.applications[0].enabled = false;
  CHECK(site.check());
}

TEST_CASE("hooks against the artifact: the packed program is there") {
  Checked site;
  site.hook().program.clear();
  site.hook().packed = "bin/tool";
  CHECK(site.check());
  site.hook().packed = "bin/tol";
  site.refused(
      "site/cluster.yaml:9:1: the hook \"tidy\": its packedProgram bin/tol is not in the artifact; did you mean "
      "bin/tool?",
      ErrorCode::not_in_artifact);
  CHECK_FALSE(steps::check_hooks(site.contents, site.config, Phase::hosts));
  CHECK(steps::check_hooks(site.contents, site.config, Phase::reset));
  // An artifact of applications alone runs those of its applications.
  site.contents.base_document = std::nullopt;
  CHECK(site.check());
  site.hook().phase = Phase::app;
  site.hook().app = "redis";
  site.refused("bin/tol", ErrorCode::not_in_artifact);
}
