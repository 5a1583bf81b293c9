// SPDX-License-Identifier: Apache-2.0
//
// An etcd that is dying while control planes join and leave: the run ends as it must, in words that help, and what it
// leaves the same command finishes once etcd answers again.
// Source of the texts: etcd, api/v3rpc/rpctypes/error.go; its JSON gateway makes 503 of Unavailable, and 400 of
// FailedPrecondition.
#include <array>
#include <utility>

#include "payload/base/format.h"
#include "tests/sim/living.h"

using namespace sealift;
using namespace sealift::sim;
using Answer = Result<base::ExitStatus>;

namespace {

// Instead of the truth; `told`: a part of what the operator reads of it.
struct Trouble {
  Answer answer;
  std::string told;
};

Trouble says(const std::string& errors) { return {bad(errors), errors}; }

const Trouble kNoLeader = says("etcd answers 503: etcdserver: no leader");

// Of an etcd that does not tell its members.
std::vector<Trouble> troubles() {
  return {
      kNoLeader,
      says("etcd answers 503: etcdserver: request timed out"),
      says("connecting to https://127.0.0.1:2379: no answer within 10 s"),
      {fail(ErrorCode::timeout, "/proc/self/exe node etcd members did not end within 30 s"), "not end within 30 s"},
      {good("<html>Bad Gateway</html>"), "reading the members of etcd"},
      {good(R"({"header":{}})"), "no list of members"},
  };
}

// Of one in which h1 has no vote.
std::vector<Trouble> without_vote() {
  const auto list = [](const std::string& more) -> Trouble {
    return {good(R"({"members":[{"id":"1","name":"h0","peerURLs":["https://10.7.0.1:2380"],"learner":false})" + more +
                 "]}"),
            "it does not vote in etcd yet"};
  };
  return {list(""), list(R"(,{"id":"2","name":"h1","peerURLs":["https://10.7.0.2:2380"],"learner":true})"),
          list(R"(,{"id":"2","name":"","peerURLs":["https://10.7.0.2:2380"],"learner":false})")};
}

constexpr size_t kForEver = 1'000'000;

// The answer to its n-th question from now on (the first is 1), and to as many as follow.
PlayedCluster::EtcdAnswer from_question(size_t first, const Trouble& trouble, size_t times = kForEver) {
  return [=, asked = size_t{0}, answer = trouble.answer](tests::FakeMachine&, bool) mutable {
    ++asked;
    return asked >= first && asked < first + times ? std::optional(answer) : std::nullopt;
  };
}

PlayedCluster::EtcdAnswer of_host(const std::string& name, const Trouble& trouble) {
  return [=, answer = trouble.answer](const tests::FakeMachine& self, bool) {
    return self.name() == name ? std::optional(answer) : std::nullopt;
  };
}

void check_told(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    INFO(text << "\nmust contain: " << part);
    CHECK(text.contains(part));
  }
}

// The first of three control planes stands, the others are to join it.
struct Growing : Living {
  Growing() : Living(3, 3, {0}) { want({0, 1, 2}); }
  // Ends with this code at h1, and h2 does not begin.
  std::string failed(ErrorCode code) {
    engine::NoJournal journal;
    const auto outcome = site.apply(journal, base::no_events());
    REQUIRE(outcome);
    REQUIRE(outcome->error);
    CHECK(outcome->error->code == code);
    CHECK(site.cluster.joins.contains("h1"));
    CHECK_FALSE(site.cluster.joins.contains("h2"));
    return outcome->error->text();
  }
  void require_finished() {
    site.cluster.etcd_says = {};
    deliver();
    check_wanted_end(site);
    again_changes_nothing(site);
  }
};

// One of three control planes leaves, living or dead.
struct Shrinking : Living {
  delivery::RemoveOptions options{{"h2"}};

  explicit Shrinking(bool dead) : Living(4, 3) {
    options.dead = dead;
    if (!dead) return;
    site.machine(2).set_reachable(false);
    site.cluster.dies(site.machine(2));
  }
  // After those that were asked before anything is changed: each that answers, once.
  size_t first_question() const { return options.dead ? 3 : 4; }
  // It is kept back, and why is told.
  void check_stays(const std::string& told) {
    const auto outcome = remove(options);
    REQUIRE(outcome);
    REQUIRE(outcome->error);
    CHECK(outcome->error->code == ErrorCode::unhealthy);
    check_told(outcome->error->what, {"not removed: h2", "start the same command again"});
    const auto& host = of(*outcome, "h2");
    CHECK(host.state == delivery::HostOutcome::State::unfinished);
    check_told(host.reason, {"etcd does not let h2 go after 60 s", told, "h2 is still in the cluster", "on h0",
                             "start the same command again when etcd is well"});
    CHECK_FALSE(noted(*outcome, "take h2 out"));
    CHECK(site.cluster.state.nodes.contains("h2"));
    CHECK(site.cluster.state.etcd.size() == 3);
  }
  void require_finished() {
    site.cluster.etcd_says = {};
    require_removed(options);
    check_cluster({0, 1, 3});
    if (!options.dead) check_as_before(2);
  }
};

}  // namespace

TEST_CASE("etcd: a control plane whose etcd does not answer, or has no vote, is no further one's base") {
  auto all = troubles();
  std::ranges::move(without_vote(), std::back_inserter(all));
  for (const auto& trouble : all) {
    Growing growing;
    growing.site.cluster.etcd_says = of_host("h1", trouble);
    check_told(growing.failed(ErrorCode::unhealthy),
               {"the control plane h1 is not ready after 300 s", trouble.told, "on h1 see `journalctl -u kubelet`",
                "start the same command again", "control-plane.ready on h1"});
    growing.require_finished();
    CHECK(growing.site.cluster.joins == std::map<std::string, int>{{"h1", 1}, {"h2", 1}});
  }
}

TEST_CASE("etcd: a control plane that joins waits for an etcd that comes to itself") {
  for (const size_t times : std::to_array<size_t>({1, 2, 100})) {
    Growing growing;
    growing.site.cluster.etcd_says = from_question(1, kNoLeader, times);
    growing.deliver();
    check_wanted_end(growing.site);
    CHECK(growing.site.cluster.joins == std::map<std::string, int>{{"h1", 1}, {"h2", 1}});
  }
}

TEST_CASE("etcd: loses its quorum to a control plane that joins, and the same command goes on when it is back") {
  Growing growing;
  auto& site = growing.site;
  site.machine(1).before_change = [&](const std::string&, const std::string& target) -> Result<void> {
    if (target == "kubeadm join: mark") site.cluster.dies(site.machine(1));
    return {};
  };
  check_told(growing.failed(ErrorCode::unhealthy),
             {"the control plane h1 is not ready", "127.0.0.1:2379: refused", "start the same command again"});
  site.machine(1).before_change = {};
  site.cluster.etcd_down.clear();
  growing.require_finished();
}

TEST_CASE("etcd: never promotes a learner: kubeadm's words are told, and no member is in the way afterwards") {
  Growing growing;
  auto& cluster = growing.site.cluster;
  cluster.learners_stay = true;
  for (int times = 0; times < 2; ++times) {
    check_told(growing.failed(ErrorCode::command_failed),
               {"can only promote a learner member which is in sync with leader", "kubeadm.join on h1"});
    CHECK(cluster.state.etcd.size() == 2);  // one learner, however often
  }
  cluster.learners_stay = false;
  growing.require_finished();
}

TEST_CASE("etcd: while it tells nobody its members, nothing can leave, and nothing is changed") {
  for (const bool dead : {false, true}) {
    Shrinking shrinking(dead);
    for (const auto& trouble : troubles()) {
      shrinking.site.cluster.etcd_says = from_question(1, trouble);
      const auto error = shrinking.refused(shrinking.options);
      CHECK(error.code == ErrorCode::preflight);
      check_told(error.what, {base::format("no etcd answers on the {} control planes", dead ? 2 : 3),
                              "nothing can be taken out of the cluster before that", "h0: ", "h1: ", trouble.told});
    }
    shrinking.require_finished();
  }
}

TEST_CASE("etcd: dies after that question: a control plane that leaves is kept back, and goes with the same command") {
  for (const bool dead : {false, true}) {
    for (const auto& trouble : troubles()) {
      INFO((dead ? "dead" : "living"));
      Shrinking shrinking(dead);
      shrinking.site.cluster.etcd_says = from_question(shrinking.first_question(), trouble);
      shrinking.check_stays(trouble.told);
      shrinking.require_finished();
    }
  }
}

TEST_CASE("etcd: refuses to let a member go: its words are told, and the same command tries again") {
  for (const bool dead : {false, true}) {
    for (const auto& refusal :
         {says("etcd answers 503: etcdserver: unhealthy cluster"),
          says("etcd answers 400: etcdserver: re-configuration failed due to not enough started members")}) {
      INFO((dead ? "dead" : "living"));
      Shrinking shrinking(dead);
      shrinking.site.cluster.etcd_says = [&](tests::FakeMachine&, bool removes) {
        return removes ? std::optional(refusal.answer) : std::nullopt;
      };
      shrinking.check_stays(refusal.told);
      shrinking.require_finished();
    }
  }
}

TEST_CASE("etcd: a removal waits for an election, or for a member that has just come back") {
  for (const bool dead : {false, true}) {
    for (const size_t times : std::to_array<size_t>({1, 2, 50})) {
      Shrinking shrinking(dead);
      shrinking.site.cluster.etcd_says = from_question(shrinking.first_question(), kNoLeader, times);
      shrinking.require_removed(shrinking.options);
      shrinking.check_cluster({0, 1, 3});
    }
  }
}

TEST_CASE("etcd: one member without an answer counts as one that is down, until the same command") {
  Shrinking shrinking(false);
  shrinking.site.cluster.etcd_says = of_host("h1", kNoLeader);
  const auto error = shrinking.refused(shrinking.options);
  CHECK(error.code == ErrorCode::preflight);
  check_told(error.what, {"of the 2 members that would remain 1 answers, 2 are needed", "bring the others back first"});
  shrinking.require_finished();
}

TEST_CASE("etcd: of a control plane that leaves need not answer: it hands nothing over, and leaves all the same") {
  Shrinking shrinking(false);
  shrinking.site.cluster.etcd_says = of_host("h2", kNoLeader);
  shrinking.require_removed(shrinking.options);
  shrinking.check_cluster({0, 1, 3});
  shrinking.check_as_before(2);
}

TEST_CASE("etcd: loses its quorum after a drain: the node stays cordoned, and leaves when etcd is back") {
  Shrinking shrinking(false);
  auto& site = shrinking.site;
  site.machine(0).before_change = [&](const std::string&, const std::string& target) -> Result<void> {
    if (target != "kubectl drain: evictions") return {};
    for (const size_t i : std::to_array<size_t>({1, 2})) site.cluster.dies(site.machine(i));
    return {};
  };
  shrinking.check_stays("127.0.0.1:2379: refused");
  CHECK(site.cluster.state.cordoned == std::set<std::string>{"h2"});
  site.machine(0).before_change = {};
  site.cluster.etcd_down.clear();
  shrinking.require_finished();
}

TEST_CASE("etcd: an interrupted join is forgotten there also if etcd does not answer for a while") {
  for (const auto* stage : {"kubeadm join: certificate", "kubeadm join: etcd learner", "kubeadm join: etcd started"}) {
    for (const size_t times : {size_t{1}, kForEver}) {
      INFO(stage << ", " << times);
      Growing growing;
      auto& site = growing.site;
      bool killed = false;
      site.machine(1).before_change = [&](const std::string&, const std::string& target) -> Result<void> {
        if (target != stage || std::exchange(killed, true)) return {};
        return fail(ErrorCode::command_failed, "Killed");
      };
      growing.failed(ErrorCode::command_failed);
      site.cluster.etcd_says = from_question(1, kNoLeader, times);
      engine::NoJournal journal;
      const auto outcome = site.apply(journal, base::no_events());
      REQUIRE(outcome);
      CHECK(outcome->error.has_value() == (times == kForEver));  // once is what an election takes
      growing.require_finished();
    }
  }
}

TEST_CASE("etcd: of a member that somebody took out by hand the rest still leaves") {
  for (const bool dead : {false, true}) {
    Shrinking shrinking(dead);
    std::erase_if(shrinking.site.cluster.state.etcd, [](const auto& entry) { return entry.second.name == "h2"; });
    shrinking.require_finished();
  }
}
