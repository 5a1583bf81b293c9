// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "payload/json/value.h"
#include "runtime/report/outcome_json.h"
#include "runtime/report/outcome_text.h"
#include "runtime/report/state_directory.h"

using namespace sealift;
using namespace sealift::report;

namespace {

delivery::Outcome outcome() {
  delivery::Outcome out;
  out.hosts.push_back(
      {"10.7.0.11", "cp1", format::HostRole::control_plane, delivery::HostOutcome::State::done, "", 12, 3});
  out.hosts.push_back(
      {"10.7.0.21", "w1", format::HostRole::worker, delivery::HostOutcome::State::aside, "no answer", 0, 0});
  out.applied = 12;
  out.skipped = 3;
  out.notes = {"CoreDNS forwards nowhere"};
  return out;
}

}  // namespace

TEST_CASE("where the state lies") {
  CHECK(state_path(std::nullopt, "plant7", {{"HOME", "/home/a"}}).value() == "/home/a/.local/state/sealift/plant7");
  CHECK(state_path(std::nullopt, "plant7", {{"HOME", "/home/a"}, {"XDG_STATE_HOME", "/s"}}).value() ==
        "/s/sealift/plant7");
  CHECK(state_path(std::nullopt, "plant7", {{"HOME", "/home/a"}, {"XDG_STATE_HOME", "relative"}}).value() ==
        "/home/a/.local/state/sealift/plant7");
  CHECK(state_path("x", "plant7", {}).value() == "x");
  CHECK(state_path(std::nullopt, "plant7", {}).error().what.contains("--state DIR"));
  CHECK_FALSE(state_path(std::nullopt, "../x", {{"HOME", "/home/a"}}));
}

TEST_CASE("the state folder is the user's own") {
  char name[] = "/tmp/sealift-state-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  std::string path = std::string(name) + "/a/b";
  REQUIRE(make_state_directory(path));
  struct stat status{};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(make_state_directory("/proc/x").error().what.contains("--state DIR"));
  std::filesystem::remove_all(name);
}

TEST_CASE("a state folder that belongs to somebody else is refused") {
  std::string path = "/";  // root's, unless we are root
  char name[] = "/tmp/sealift-state-XXXXXX";
  if (geteuid() == 0) {
    REQUIRE(mkdtemp(name) != nullptr);
    REQUIRE(chown(name, 12345, 12345) == 0);
    path = name;
  }
  const auto refused = make_state_directory(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::permission_denied);
  CHECK(refused.error().what.contains("another user"));
  if (path != "/") std::filesystem::remove(path);
}

TEST_CASE("an outcome for people") {
  auto out = outcome();
  out.hosts.pop_back();
  CHECK(outcome_lines(out, Duration{75'000}) ==
        std::vector<std::string>{
            "host             role           state       steps",
            "cp1 (10.7.0.11)  control-plane  done        12 applied, 3 as they should be",
            "note: CoreDNS forwards nowhere",
            "delivered: 1 host, 12 steps applied (1 min 15 s)",
        });
  CHECK(outcome_lines(out, Duration{60'000}).back() == "delivered: 1 host, 12 steps applied (1 min 0 s)");
  out.applied = 0;
  out.hosts[0].applied = 0;
  CHECK(outcome_lines(out, Duration{900}).back() == "nothing to do: 1 host is as cluster.yaml says (0 s)");
}

TEST_CASE("an outcome that is partial says why for each host") {
  auto out = outcome();
  out.error = Error{ErrorCode::partial, "1 of 2", {}};
  auto lines = outcome_lines(out, Duration{0});
  CHECK(lines[3] == "                 why: no answer");
  auto json = json::parse(to_json(out)).value();
  CHECK(json.text_or("status", "") == "partial");
  CHECK(json.natural_or("exit", 0) == 14);
  CHECK(json.at_path("hosts/1/state")->string()[0] == "aside");
}

TEST_CASE("plan, status, outcome and error as JSON, to the letter") {
  CHECK(to_json(delivery::PlanLine{"w1", "kubeadm.join", "join the cluster", delivery::PlanLine::State::needed}) ==
        R"({"description":"join the cluster","event":"plan_step","host":"w1","state":"needed","step":"kubeadm.join"})");
  CHECK(to_json(delivery::StatusLine{"node w1", "NotReady", "v1.34.4", false}) ==
        R"({"detail":"v1.34.4","event":"status","healthy":false,"state":"NotReady","subject":"node w1"})");
  CHECK(
      to_json(delivery::StatusLine{"certificate cp1 server", "EndsSoon", "", true, true}) ==
      R"({"detail":"","event":"status","healthy":true,"state":"EndsSoon","subject":"certificate cp1 server","warning":true})");
  CHECK(
      to_json(outcome()) ==
      R"({"applications":[],"applied":12,"event":"outcome","exit":0,"hosts":[)"
      R"({"address":"10.7.0.11","applied":12,"name":"cp1","role":"control-plane","skipped":3,"state":"done"},)"
      R"({"address":"10.7.0.21","applied":0,"name":"w1","reason":"no answer","role":"worker","skipped":0,"state":"aside"}],)"
      R"("notes":["CoreDNS forwards nowhere"],"skipped":3,"status":"complete"})");
  delivery::Outcome failed;
  failed.error = Error{ErrorCode::unhealthy, "not ready", {}};
  CHECK(
      to_json(failed) ==
      R"({"applications":[],"applied":0,"event":"outcome","exit":15,"hosts":[],"message":"not ready","notes":[],"skipped":0,"status":"unhealthy"})");
}

TEST_CASE("every state has its name") {
  using Host = delivery::HostOutcome::State;
  CHECK(name(Host::done) == "done");
  CHECK(name(Host::aside) == "aside");
  CHECK(name(Host::unfinished) == "unfinished");
  CHECK(name(Host::failed) == "failed");
  using Plan = delivery::PlanLine::State;
  CHECK(name(Plan::done) == "done");
  CHECK(name(Plan::needed) == "needed");
  CHECK(name(Plan::unknown) == "unknown");
}

TEST_CASE("an outcome of several hosts for people: names, reasons, numbers in the plural") {
  delivery::Outcome out;
  using State = delivery::HostOutcome::State;
  out.hosts.push_back({"10.7.0.11", "", format::HostRole::control_plane, State::done, "", 0, 40});
  out.hosts.push_back({"10.7.0.21", "w1", format::HostRole::worker, State::unfinished, "stopped", 2, 1});
  out.hosts.push_back({"w2", "w2", format::HostRole::worker, State::done, "", 1, 39});
  out.applied = 3;
  CHECK(outcome_lines(out, Duration{59'999}) ==
        std::vector<std::string>{
            "host            role           state       steps",
            "10.7.0.11       control-plane  done        nothing to do",
            "w1 (10.7.0.21)  worker         unfinished  2 applied, 1 as they should be",
            "                why: stopped",
            "w2              worker         done        1 applied, 39 as they should be",
            "delivered: 2 hosts, 3 steps applied (59 s)",
        });
  out.applied = 0;
  CHECK(outcome_lines(out, Duration{60'000}).back() == "nothing to do: 2 hosts are as cluster.yaml says (1 min 0 s)");
  CHECK(outcome_lines({}, Duration{0}) ==
        std::vector<std::string>{"nothing to do: 0 hosts are as cluster.yaml says (0 s)"});
}

TEST_CASE("a status for people marks what is ill and ends no line in blanks") {
  CHECK(status_lines({{"node cp1", "Ready", "v1.34.4", true}, {"DaemonSet a/flannel", "1/3", "", false}}) ==
        std::vector<std::string>{"  node cp1             Ready  v1.34.4", "! DaemonSet a/flannel  1/3"});
  CHECK(status_lines({{"certificate cp1 server", "EndsSoon", "2027", true, true}}) ==
        std::vector<std::string>{"~ certificate cp1 server  EndsSoon  2027"});
  CHECK(status_lines({}).empty());
}

TEST_CASE("a plan for people counts what is done") {
  delivery::PlanOutcome plan;
  using State = delivery::PlanLine::State;
  plan.lines = {{"cp1", "files", "write files", State::done},
                {"cp1", "units", "start units", State::needed},
                {"w1", "join", "join", State::unknown}};
  CHECK(plan_lines(plan, false) ==
        std::vector<std::string>{
            "cp1:", "  + start units", "  = 1 step is as it should be", "w1:", "  ? join",
            "1 step to apply, 1 as they should be, 1 that can't be known before; nothing was changed"});
  plan.lines.pop_back();
  plan.lines.push_back({"cp1", "images", "pull images", State::done});
  plan.notes = {"CoreDNS forwards nowhere"};
  CHECK(plan_lines(plan, false) ==
        std::vector<std::string>{"cp1:", "  + start units", "  = 2 steps are as it should be",
                                 "note: CoreDNS forwards nowhere",
                                 "1 step to apply, 2 as they should be; nothing was changed"});
  CHECK(plan_lines(plan, true) ==
        std::vector<std::string>{"cp1:", "  = write files", "  + start units", "  = pull images",
                                 "note: CoreDNS forwards nowhere",
                                 "1 step to apply, 2 as they should be; nothing was changed"});
}

TEST_CASE("what belongs to no host stands below a heading of its own") {
  delivery::PlanOutcome plan;
  plan.lines = {{"", "app.erp", "install erp into data", delivery::PlanLine::State::unknown}};
  CHECK(plan_lines(plan, false).front() == "the cluster:");
  plan.lines.clear();
  CHECK(plan_lines(plan, false) ==
        std::vector<std::string>{"0 steps to apply, 0 as they should be; nothing was changed"});
}

TEST_CASE("the last run tells what died") {
  engine::JournalContents journal;
  CHECK(last_run_lines(journal).empty());
  auto& run = journal.runs.emplace_back();
  run.command = "apply";
  run.artifact_name = "shop 3.4";
  run.time = "T";
  run.steps.push_back({"w1", "kubeadm.join", "begun", "", ""});
  run.steps.push_back({"w2", "files", "done", "", ""});
  CHECK(last_run_lines(journal) ==
        std::vector<std::string>{"last run from this machine: apply of shop 3.4, T: did not come to its end",
                                 "  w1: kubeadm.join was begun and has no end"});
  run.steps = {{"w1", "units", "failed", "exit 1", ""},
               {"w2", "images", "interrupted", "", ""},
               {"w3", "files", "skipped", "", ""}};
  run.finish = "command_failed";
  CHECK(last_run_lines(journal) ==
        std::vector<std::string>{"last run from this machine: apply of shop 3.4, T: command_failed",
                                 "  w1: units failed: exit 1", "  w2: images was interrupted"});
}

TEST_CASE("applications: how many of each kind, and by name those that need attention") {
  using State = delivery::ApplicationOutcome::State;
  auto out = outcome();
  out.hosts.pop_back();
  CHECK_FALSE(json::parse(to_json(out))->find("applications")->elements()->size());
  out.applications = {{"redis", State::healthy, true, ""},
                      {"crm", State::failed, false, "Deployment/crm: 0 of 1"},
                      {"desk", State::not_tried, false, "needs app.crm, which was not done"},
                      {"tool", State::applied, false, ""},
                      {"erp", State::healthy, false, ""}};
  std::string text;
  for (const auto& line : outcome_lines(out, Duration{61'000})) text += line + "\n";
  CHECK(
      text.contains("applications: 2 healthy, 1 applied, 1 failed, 1 not tried (1 changed)\n"
                    "  crm failed: Deployment/crm: 0 of 1\n"
                    "  desk was not tried: needs app.crm, which was not done\n"));
  const auto value = json::parse(to_json(out));
  REQUIRE(value);
  const auto& list = *value->find("applications")->elements();
  REQUIRE(list.size() == 5);
  CHECK(list[0].text_or("name", "") == "redis");
  CHECK(list[0].text_or("state", "") == "healthy");
  CHECK(list[0].boolean_or("changed", false));
  CHECK(list[0].find("reason") == nullptr);
  CHECK(list[2].text_or("state", "") == "not_tried");
  CHECK(list[2].text_or("reason", "") == "needs app.crm, which was not done");
  out.kind = delivery::Outcome::Kind::reset;
  CHECK(json::parse(to_json(out))->find("applications") == nullptr);
}
