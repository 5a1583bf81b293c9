// SPDX-License-Identifier: Apache-2.0
//
// A node leaves: what a drain refuses, loses and waits for; and what etcd and the API are told.
#include "runtime/steps/leave_steps.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;
using tests::ended, tests::failed, tests::has_word;

namespace {

constexpr std::string_view kMember1 =
    R"({"id":"1","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"learner":false})";

// A pod of the node; `owner`: the kind of its controller.
std::string pod(std::string_view name, std::string_view owner = "ReplicaSet", std::string_view more_spec = "",
                std::string_view phase = "Running", std::string_view annotations = "{}") {
  const std::string owners =
      owner.empty() ? "[]" : base::format(R"([{{"kind":"{}","name":"o","controller":true}}])", owner);
  return base::format(
      R"({{"metadata":{{"name":"{}","namespace":"shop","labels":{{"app":"{}"}},"annotations":{},"ownerReferences":{}}},)"
      R"("spec":{{{}}},"status":{{"phase":"{}"}}}})",
      name, name, annotations, owners, more_spec, phase);
}

constexpr std::string_view kEmptyDir = R"("volumes":[{"name":"cache","emptyDir":{}},{"name":"c","configMap":{}}])";

std::string list(std::initializer_list<std::string> items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ",") + item;
  return R"({"items":[)" + out + "]}";
}

struct LeavingSite : tests::Site {
  std::string node = R"({"kind":"Node"})";
  std::string pods = list({}), budgets = list({});
  std::vector<base::ExitStatus> drains;  // one after the other, the last one again
  std::function<void()> while_draining = [] {};
  std::string members = std::string(kMember1);
  std::vector<std::string> words;  // of every change
  std::vector<std::string> handed_over;
  bool hand_over_fails = false;

  LeavingSite() {
    control_plane.machine.programs["kubectl"] = [this](tests::FakeMachine&, const base::Command& command,
                                                       const base::CommandIo&) -> Result<base::ExitStatus> {
      if (has_word(command, "pods")) {
        CHECK(has_word(command, "--field-selector=spec.nodeName=w1"));
        return ended(pods);
      }
      if (has_word(command, "poddisruptionbudgets")) return ended(budgets);
      if (has_word(command, "get")) return ended(node);
      words.push_back(command.text());
      if (has_word(command, "delete")) node.clear();
      if (!has_word(command, "drain")) return ended();
      CHECK(command.timeout == Duration{360'000});
      while_draining();
      auto now = drains.empty() ? ended() : drains.front();
      if (drains.size() > 1) drains.erase(drains.begin());
      return now;
    };
    worker.machine.programs["exe"] = [this](tests::FakeMachine&, const base::Command& command,
                                            const base::CommandIo&) -> Result<base::ExitStatus> {
      handed_over.push_back(command.text());
      if (hand_over_fails) return tests::failed("etcd answers 503: etcdserver: no leader");
      return ended();
    };
    control_plane.machine.programs["exe"] = [this](tests::FakeMachine&, const base::Command& command,
                                                   const base::CommandIo&) -> Result<base::ExitStatus> {
      if (!has_word(command, "remove")) return ended(R"({"members":[)" + members + "]}");
      words.push_back("etcd " + tests::word_after(command, "--member"));
      members = kMember1;
      return ended();
    };
  }
  Result<void> drain(bool force = false) {
    steps::DrainStep step("cp1", "w1", {Duration{300'000}, force});
    CHECK(step.id() == "remove.drain.w1");
    return worker.apply(step);
  }
  std::vector<std::string> told(Level level) const {
    std::vector<std::string> out;
    for (const auto& event : worker.events.events()) {
      if (event.level == level) out.push_back(event.message);
    }
    return out;
  }
  size_t commands(std::string_view what) const {
    return static_cast<size_t>(
        std::ranges::count_if(words, [&](const std::string& text) { return text.contains(what); }));
  }
};

const auto kLate = failed("error when evicting pods/\"db\" -n \"shop\": global timeout reached: 5m0s");

}  // namespace

TEST_CASE("drain: cordons, then evicts; on the control plane that was asked, and nothing on the node's own host") {
  LeavingSite site;
  site.pods =
      list({pod("web"), pod("net", "DaemonSet", kEmptyDir), pod("done", "", kEmptyDir, "Succeeded"),
            pod("etcd", "Node", kEmptyDir), pod("old", "", "", "Running", R"({"kubernetes.io/config.mirror":"x"})")});
  REQUIRE(site.drain());
  REQUIRE(site.words.size() == 2);
  CHECK(site.words[0].ends_with("cordon w1"));
  CHECK(site.words[1].ends_with("drain w1 --ignore-daemonsets --timeout=300s"));
  CHECK(site.control_plane.changed("job sealift-drain-w1: ") == 1);
  CHECK(site.worker.machine.changes.empty());
  CHECK(site.told(Level::warning).empty());
}

TEST_CASE("drain: is done when there is no node, and never before") {
  LeavingSite site;
  steps::DrainStep step("cp1", "w1", {});
  CHECK(site.worker.check(step) == StepState::needed);
  REQUIRE(site.drain());
  CHECK(site.worker.check(step) == StepState::needed);
  site.node.clear();
  CHECK(site.worker.check(step) == StepState::done);
}

TEST_CASE("drain: what would be lost is named, and nothing is changed") {
  LeavingSite site;
  site.pods = list({pod("web"), pod("tool", ""), pod("cache", "ReplicaSet", kEmptyDir), pod("both", "", kEmptyDir)});
  const auto refused = site.drain();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  for (const auto* part :
       {"what would be lost on w1: ", "shop/tool (the pod itself, which nothing makes again)",
        "shop/cache (the data in its emptyDir cache)",
        "shop/both (the pod itself, which nothing makes again; the data in its emptyDir cache)", "--force"}) {
    INFO(part);
    CHECK(refused.error().what.contains(part));
  }
  CHECK_FALSE(refused.error().what.contains("shop/web"));
  CHECK(site.words.empty());
}

TEST_CASE("drain: with force it is lost, and told before") {
  LeavingSite site;
  site.pods = list({pod("tool", "")});
  std::vector<std::string> told;
  site.while_draining = [&] { told = site.told(Level::warning); };
  REQUIRE(site.drain(true));
  REQUIRE(told.size() == 1);
  CHECK(told.front() == "lost on w1 (--force): shop/tool (the pod itself, which nothing makes again)");
  CHECK(site.words.back().ends_with("--force --delete-emptydir-data"));
}

TEST_CASE("drain: what is left when the time is over, which budget holds it, and how to go on") {
  LeavingSite site;
  site.pods = list({pod("db"), pod("slow")});
  site.budgets =
      list({R"({"metadata":{"name":"db-budget","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"db"}}},)"
            R"("status":{"disruptionsAllowed":0,"currentHealthy":2,"desiredHealthy":2}})",
            R"({"metadata":{"name":"lax","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"slow"}}},)"
            R"("status":{"disruptionsAllowed":1,"currentHealthy":2,"desiredHealthy":1}})",
            R"({"metadata":{"name":"other","namespace":"else"},"spec":{"selector":{"matchLabels":{"app":"db"}}},)"
            R"("status":{"disruptionsAllowed":0}})"});
  site.drains = {kLate};
  const auto late = site.drain();
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unhealthy);  // `timeout` would be tried again
  CHECK(late.error().what ==
        "pods are left on w1 after 300 s: shop/db (held by the PodDisruptionBudget shop/db-budget: 2 pods are ready, 2 "
        "must be), shop/slow; w1 stays cordoned: start the same command again to go on, or `kubectl uncordon w1` to "
        "keep it");
  CHECK(site.commands("drain w1") == 1);
}

TEST_CASE("drain: a budget that can't be told is still named as the reason") {
  LeavingSite site;
  site.pods = list({pod("db")});
  site.drains = {
      failed("Cannot evict pod as it would violate the pod's disruption budget.\nerror: unable to drain: "
             "global timeout reached: 5m0s")};
  const auto late = site.drain();
  REQUIRE_FALSE(late);
  CHECK(late.error().what.contains("shop/db, held by a PodDisruptionBudget"));
}

TEST_CASE("drain: the last pod that went at the last moment is no failure") {
  LeavingSite site;
  site.pods = list({pod("db")});
  site.drains = {kLate};
  site.while_draining = [&] { site.pods = list({}); };
  CHECK(site.drain());
}

TEST_CASE("drain: a pod that would be lost and came in between is named, and that the node is cordoned") {
  LeavingSite site;
  site.drains = {failed("error: unable to drain node \"w1\" due to error: cannot delete Pods with local storage")};
  site.while_draining = [&] { site.pods = list({pod("cache", "ReplicaSet", kEmptyDir)}); };
  const auto refused = site.drain();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  CHECK(refused.error().what.contains("shop/cache"));
  CHECK(refused.error().what.contains("`kubectl uncordon w1`"));
}

TEST_CASE("drain: any other failure is kubectl's") {
  LeavingSite site;
  site.pods = list({pod("db")});
  site.drains = {failed("error: the server was refused")};
  const auto refused = site.drain();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::command_failed);
  CHECK(refused.error().what.contains("the server was refused"));
  CHECK(refused.error().what.contains("w1 stays cordoned"));
}

TEST_CASE("drain: the failure of an earlier run's job says nothing about now") {
  LeavingSite site;
  site.control_plane.put("/run/sealift/jobs/sealift-drain-w1/result.json", "{}");
  site.pods = list({pod("db")});
  site.drains = {kLate, ended()};
  CHECK(site.drain());
  CHECK(site.commands("drain w1") == 2);
}

TEST_CASE("etcd: the member at the node's address or of its name leaves, no other") {
  for (const auto* member : {R"(,{"id":"7","name":"w1","peerURLs":["https://10.7.0.99:2380"],"learner":false})",
                             R"(,{"id":"7","name":"","peerURLs":["https://10.7.0.12:2380"],"learner":true})",
                             R"(,{"id":"7","name":"x","peerURLs":["https://10.7.0.12:2380"],"learner":false})"}) {
    INFO(member);
    LeavingSite site;
    site.members += member;
    steps::LeaveEtcdStep step("cp1", "w1", "10.7.0.12");
    CHECK(step.id() == "remove.etcd.w1");
    site.worker.bring(step);
    CHECK(site.words == std::vector<std::string>{"etcd 7"});
  }
  LeavingSite site;
  site.members += R"(,{"id":"7","name":"w10","peerURLs":["https://10.7.0.120:2380"],"learner":false})";
  steps::LeaveEtcdStep step("cp1", "w1", "10.7.0.12");
  CHECK(site.worker.check(step) == StepState::done);
}

TEST_CASE("etcd: one that lives and leads hands over first, to the control plane that stays") {
  constexpr std::string_view kOwn = R"(,{"id":"7","name":"w1","peerURLs":["https://10.7.0.12:2380"],"learner":false})";
  for (const bool fails : {false, true}) {
    LeavingSite site;
    site.hand_over_fails = fails;
    site.members += kOwn;
    steps::LeaveEtcdStep step("cp1", "w1", "10.7.0.12");
    const auto begin = site.worker.clock.monotonic();
    site.worker.bring(step);  // an election is all that it costs
    CHECK(site.handed_over == std::vector<std::string>{"/proc/self/exe node etcd hand-over --to 1"});
    CHECK(site.worker.clock.monotonic() - begin >= Duration{3'000});  // requests under way were answered
    CHECK(site.words == std::vector<std::string>{"etcd 7"});
  }
  LeavingSite dead;  // its step is the other control plane's
  dead.members += kOwn;
  steps::LeaveEtcdStep step("cp1", "w1", "10.7.0.12");
  dead.control_plane.bring(step);
  CHECK(dead.handed_over.empty());
}

TEST_CASE("node: its object goes; for a dead host on the control plane itself") {
  for (const bool dead : {false, true}) {
    LeavingSite site;
    steps::ForgetNodeStep step("cp1", "w1");
    CHECK(step.id() == "remove.node.w1");
    (dead ? site.control_plane : site.worker).bring(step);
    REQUIRE(site.words.size() == 1);
    CHECK(site.words.front().ends_with("delete node w1 --ignore-not-found"));
  }
}
