// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/backends.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "tests/support/fake_clock.h"

using namespace sealift;
using node::Backends;
using Answer = Backends::Answer;

namespace {

constexpr node::HealthTimes kTimes;
const std::string kFirst = "10.7.0.11:6443", kSecond = "10.7.0.12:6443", kThird = "10.7.0.13:6443";

struct Bench {
  tests::FakeClock clock;
  std::vector<std::string> told;
  Backends backends;
  explicit Bench(const std::vector<std::string>& addresses, uint32_t seed = 1)
      : backends(addresses, kTimes, seed, [this](const std::string& line) { told.push_back(line); }) {}

  Backends::Id id(const std::string& address) {
    std::vector<Backends::Id> tried;
    while (const auto id = backends.choose(tried)) {
      if (backends.address(*id) == address) return *id;
      tried.push_back(*id);
    }
    FAIL(address << " is not in the choice");
    return 0;
  }
  std::vector<std::string> asked() {
    std::vector<std::string> out;
    for (const auto id : backends.questions(clock.monotonic())) out.push_back(backends.address(id));
    return out;
  }
  // All are asked; those named fail, the others are ready.
  void round(const std::set<std::string>& dead) {
    std::map<std::string, std::optional<Answer>> said;
    for (const auto& address : dead) said[address] = std::nullopt;
    say(said);
  }
  // All are asked; those that are not named are ready.
  void say(const std::map<std::string, std::optional<Answer>>& said) {
    clock.advance(kTimes.every);
    for (const auto id : backends.questions(clock.monotonic())) {
      const auto found = said.find(backends.address(id));
      if (found == said.end())
        backends.answers(id, Answer::ready, "");
      else if (found->second)
        backends.answers(id, *found->second, "because");
      else
        backends.fails(id, "connection refused", clock.monotonic());
    }
  }
  std::string chosen() {
    const auto id = backends.choose({});
    return id ? backends.address(*id) : "none";
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("backends: a dead one is the last choice until it answers again, and each change is told once") {
  Bench bench({kFirst, kSecond});
  bench.round({});
  CHECK(bench.told.empty());
  for (int i = 0; i < 3; ++i) bench.round({kFirst});
  CHECK(bench.told == Lines{"10.7.0.11:6443 does not answer (connection refused)"});
  const auto second = bench.id(kSecond);
  for (int i = 0; i < 10; ++i) {
    bench.backends.enter(second);  // however many it has
    CHECK(bench.chosen() == kSecond);
  }
  CHECK(bench.backends.choose(std::vector{second}) == bench.id(kFirst));
  bench.round({});
  CHECK(bench.told.size() == 2);
  CHECK(bench.told.back() == "10.7.0.11:6443 answers again");
  // It is trusted when it was ready several times in a row.
  for (unsigned answers = 1; answers < kTimes.ready_to_trust; ++answers) {
    CHECK(bench.chosen() == kSecond);
    bench.round({});
  }
  CHECK(bench.chosen() == kFirst);
  CHECK(bench.told.size() == 2);
  bench.round({kFirst});
  bench.round({});
  CHECK(bench.chosen() == kSecond);
}

TEST_CASE("backends: one that is not ready gets no new connection while another is, and keeps those that it has") {
  Bench bench({kFirst, kSecond});
  const auto first = bench.id(kFirst), second = bench.id(kSecond);
  bench.round({});
  for (int i = 0; i < 10; ++i) bench.backends.enter(second);
  CHECK(bench.chosen() == kFirst);
  for (int i = 0; i < 3; ++i) {
    bench.say({{kFirst, Answer::not_ready}});
    CHECK(bench.chosen() == kSecond);
  }
  CHECK(bench.told == Lines{"10.7.0.11:6443 is not ready: because"});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK_FALSE(bench.backends.take_hopeless());
  // If none is ready, the one with the fewest connections; a dead one is worse.
  bench.say({{kFirst, Answer::not_ready}, {kSecond, Answer::not_ready}});
  CHECK(bench.chosen() == kFirst);
  bench.say({{kFirst, Answer::not_ready}, {kSecond, std::nullopt}});
  CHECK(bench.chosen() == kFirst);
  bench.say({{kFirst, std::nullopt}, {kSecond, Answer::not_ready}});
  CHECK(bench.chosen() == kSecond);
  bench.say({{kFirst, std::nullopt}, {kSecond, Answer::not_ready}});
  CHECK(bench.backends.is_hopeless(first));  // who is not ready may still be better than a dead one
  CHECK(bench.told.size() == 5);
  // One that does not say no, and may only have to prove it, is better than one that does.
  bench.say({{kFirst, Answer::not_ready}, {kSecond, Answer::lives}});
  CHECK(bench.chosen() == kSecond);
}

TEST_CASE("backends: what was not ready is trusted when it was ready several times in a row, which is told once") {
  Bench bench({kFirst, kSecond});
  const auto second = bench.id(kSecond);
  for (int i = 0; i < 10; ++i) bench.backends.enter(second);
  bench.say({{kFirst, Answer::not_ready}});
  bench.round({});
  bench.say({{kFirst, Answer::not_ready}});
  for (unsigned answers = 0; answers < kTimes.ready_to_trust; ++answers) {
    CHECK(bench.chosen() == kSecond);
    CHECK(bench.told.size() == 1);
    bench.round({});
  }
  CHECK(bench.chosen() == kFirst);
  for (int i = 0; i < 3; ++i) bench.round({});
  CHECK(bench.told == Lines{"10.7.0.11:6443 is not ready: because", "10.7.0.11:6443 is ready again"});
}

TEST_CASE("backends: one that starts says nothing of readiness, then that it is not ready, then that it is") {
  Bench bench({kFirst, kSecond});
  const auto second = bench.id(kSecond);
  for (int i = 0; i < 10; ++i) bench.backends.enter(second);
  bench.round({});
  // Its death need not be seen.
  for (unsigned i = 1; i < kTimes.answers_to_trust; ++i) {
    bench.say({{kFirst, Answer::lives}});
    CHECK(bench.chosen() == kSecond);
  }
  for (unsigned i = 0; i < 3; ++i) bench.say({{kFirst, Answer::not_ready}});
  for (unsigned i = 1; i < kTimes.ready_to_trust; ++i) bench.round({});
  CHECK(bench.chosen() == kSecond);
  bench.round({});
  CHECK(bench.chosen() == kFirst);
  CHECK(bench.told == Lines{"10.7.0.11:6443 is not ready: because", "10.7.0.11:6443 is ready again"});
}

TEST_CASE("backends: those that never say whether they are ready are trusted for answering long enough") {
  Bench bench({kFirst, kSecond});
  const std::map<std::string, std::optional<Answer>> hardened{{kFirst, Answer::lives}, {kSecond, Answer::lives}};
  const auto second = bench.id(kSecond);
  for (int i = 0; i < 10; ++i) bench.backends.enter(second);
  bench.say(hardened);
  CHECK(bench.chosen() == kFirst);  // of all at once, none is preferred
  bench.say({{kFirst, std::nullopt}, {kSecond, Answer::lives}});
  for (unsigned i = 0; i < kTimes.answers_to_trust; ++i) {
    CHECK(bench.chosen() == kSecond);
    bench.say(hardened);
  }
  CHECK(bench.chosen() == kFirst);
  CHECK(bench.told == Lines{"10.7.0.11:6443 does not answer (connection refused)", "10.7.0.11:6443 answers again"});
  // That it says it now makes nothing worse.
  bench.say({{kSecond, Answer::lives}});
  CHECK(bench.chosen() == kFirst);
  CHECK(bench.told.size() == 2);
}

TEST_CASE("backends: a new one in the list is not trusted at once, unless there is no other") {
  Bench bench({kFirst});
  const auto first = bench.id(kFirst);
  for (int i = 0; i < 10; ++i) bench.backends.enter(first);
  bench.backends.set({kFirst, kSecond});
  bench.round({});
  CHECK(bench.chosen() == kFirst);
  bench.round({kFirst});
  CHECK(bench.chosen() == kSecond);  // better than a dead one
}

TEST_CASE("backends: connections of a dead one are hopeless only if another lives") {
  Bench bench({kFirst, kSecond});
  const auto first = bench.id(kFirst), second = bench.id(kSecond);
  CHECK_FALSE(bench.backends.is_hopeless(first));
  bench.round({kFirst, kSecond});  // the second one has never answered
  CHECK_FALSE(bench.backends.is_hopeless(first));
  // As after a failure of the network: the one that is the first to answer does not condemn the other.
  bench.round({kFirst});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK_FALSE(bench.backends.take_hopeless());
  bench.round({kFirst});
  CHECK(bench.backends.take_hopeless());
  CHECK_FALSE(bench.backends.take_hopeless());
  CHECK(bench.backends.is_hopeless(first));
  CHECK_FALSE(bench.backends.is_hopeless(second));
  // Who got to a dead one since no other was left does not stay there.
  bench.round({kFirst});
  CHECK(bench.backends.take_hopeless());
  // Then the other one dies, too.
  bench.round({kFirst, kSecond});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK_FALSE(bench.backends.is_hopeless(second));
}

TEST_CASE("backends: one alone is not asked, and nothing is known of it") {
  Bench bench({kFirst});
  bench.clock.advance(Duration{10'000});
  CHECK(bench.asked().empty());
  CHECK_FALSE(bench.backends.next_question());
  bench.backends.set({kFirst, kSecond});
  bench.round({});
  bench.round({kFirst});
  const auto first = bench.id(kFirst);
  CHECK(bench.backends.is_hopeless(first));
  bench.backends.set({kFirst});
  CHECK(bench.chosen() == kFirst);
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK_FALSE(bench.backends.is_of_interest(first));
  bench.backends.answers(first, Answer::not_ready, "late");  // to what was asked before
  bench.backends.set({kFirst, kSecond});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK(bench.chosen() == kFirst);
  CHECK(bench.told.size() == 1);
}

TEST_CASE("backends: each is asked once a second, and not while it still owes an answer") {
  Bench bench({kFirst, kSecond});
  CHECK(bench.backends.next_question() == Duration{0});
  CHECK(bench.asked() == Lines{kFirst, kSecond});
  CHECK_FALSE(bench.backends.next_question());
  const auto first = bench.id(kFirst);
  bench.backends.answers(first, Answer::ready, "");
  CHECK(bench.backends.next_question() == kTimes.every);
  bench.clock.advance(kTimes.every - Duration{1});
  CHECK(bench.asked().empty());
  bench.clock.advance(Duration{1});
  CHECK(bench.asked() == Lines{kFirst});
  bench.backends.unasked(first);
  CHECK(bench.told.empty());
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked() == Lines{kFirst});
}

TEST_CASE("backends: bytes of connections prove that it lives, and not that it is ready") {
  Bench bench({kFirst, kSecond});
  const auto first = bench.id(kFirst), second = bench.id(kSecond);
  for (int i = 0; i < 10; ++i) bench.backends.enter(second);
  bench.round({});
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked() == Lines{kFirst, kSecond});
  bench.backends.answers(second, Answer::ready, "");
  bench.clock.advance(kTimes.patience);
  bench.backends.heard(first, bench.clock.monotonic() - kTimes.every + Duration{1});
  bench.backends.fails(first, "late", bench.clock.monotonic());
  CHECK(bench.told == Lines{"10.7.0.11:6443 is not ready: late"});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK(bench.chosen() == kSecond);
  // What it said before does not count.
  CHECK(bench.asked() == Lines{kFirst, kSecond});
  bench.clock.advance(Duration{1});
  bench.backends.fails(first, "late", bench.clock.monotonic());
  CHECK(bench.backends.is_hopeless(first));
}

TEST_CASE("backends: one that leaves the list keeps its connections until they end or it dies") {
  Bench bench({kFirst, kSecond});
  const auto first = bench.id(kFirst), second = bench.id(kSecond);
  bench.backends.enter(first);
  bench.round({});
  bench.backends.set({kSecond, kThird});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  CHECK(bench.backends.choose(std::vector{second, bench.id(kThird)}) == std::nullopt);
  bench.round({});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  // Without an etcd it still lives, but what is asked through its connections is not answered any more.
  bench.say({{kFirst, Answer::not_ready}});
  CHECK(bench.backends.is_hopeless(first));
  CHECK(bench.backends.take_hopeless());
  bench.round({});
  CHECK_FALSE(bench.backends.is_hopeless(first));
  bench.round({kFirst});
  CHECK(bench.backends.is_hopeless(first));
  bench.backends.leave(first);
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked() == Lines{kSecond, kThird});
  CHECK_FALSE(bench.backends.is_of_interest(first));
  CHECK(bench.backends.is_of_interest(second));
  bench.backends.answers(first, Answer::ready, "");  // comes late, and to nobody
  // Back again it is a new one.
  bench.backends.set({kFirst, kSecond, kThird});
  CHECK(bench.asked() == Lines{kFirst});
}

TEST_CASE("backends: what is known of those that stay survives a new list") {
  Bench bench({kFirst, kSecond});
  bench.round({});
  bench.round({kFirst});
  bench.backends.set({kThird, kFirst, kSecond});
  CHECK(bench.backends.is_hopeless(bench.id(kFirst)));
  CHECK(bench.told.size() == 1);
  bench.round({});
  CHECK(bench.told.size() == 2);
}

TEST_CASE("backends: connections spread evenly, on each node and over all of them") {
  const Lines all{kFirst, kSecond, kThird};
  std::map<std::string, int> begun, in_all;
  for (uint32_t node = 0; node < 300; ++node) {
    Bench bench(all, node * 7919);
    std::map<std::string, int> here;
    for (int i = 0; i < 7; ++i) {
      const auto id = bench.backends.choose({});
      REQUIRE(id);
      bench.backends.enter(*id);
      ++here[bench.backends.address(*id)];
      ++in_all[bench.backends.address(*id)];
      if (i == 0) ++begun[bench.backends.address(*id)];
    }
    for (const auto& address : all) CHECK((here[address] == 2 || here[address] == 3));
  }
  for (const auto& address : all) {
    CHECK(begun[address] > 60);
    CHECK(in_all[address] > 660);
  }
  // One that has lost its connections gets the next ones.
  Bench bench(all);
  for (int i = 0; i < 6; ++i) bench.backends.enter(*bench.backends.choose({}));
  bench.backends.leave(bench.id(kSecond));
  CHECK(bench.chosen() == kSecond);
}

TEST_CASE("backends: however and whenever one fails, it is out of the choice within three seconds") {
  enum class Failure { refuses, is_silent, is_not_ready };
  constexpr Duration kStep{10}, kAnswer{30}, kAllowed{3'000};
  for (const auto failure : {Failure::refuses, Failure::is_silent, Failure::is_not_ready}) {
    for (const bool has_traffic : {false, true}) {
      for (Duration dies{3'000}; dies < Duration{4'000}; dies += Duration{70}) {
        INFO(static_cast<int>(failure) << " after " << dies.count() << " ms, traffic " << has_traffic);
        Bench bench({kFirst, kSecond});
        const auto first = bench.id(kFirst), second = bench.id(kSecond);
        for (int i = 0; i < 10; ++i) bench.backends.enter(second);
        std::map<Backends::Id, Duration> asked;
        for (; bench.clock.monotonic() < dies + kAllowed; bench.clock.advance(kStep)) {
          const Duration now = bench.clock.monotonic();
          const bool lives = now < dies;
          if (has_traffic && (lives || failure == Failure::is_not_ready)) bench.backends.heard(first, now);
          for (const auto id : bench.backends.questions(now)) asked[id] = now;
          std::erase_if(asked, [&](const auto& question) {
            const auto& [id, since] = question;
            const bool dead = id == first && since + kAnswer > dies;
            const Duration takes = dead && failure == Failure::is_silent ? kTimes.patience : kAnswer;
            if (now - since < takes) return false;
            if (!dead)
              bench.backends.answers(id, Answer::ready, "");
            else if (failure == Failure::is_not_ready)
              bench.backends.answers(id, Answer::not_ready, "dead");
            else
              bench.backends.fails(id, "dead", now);
            return true;
          });
          if (lives) CHECK(bench.chosen() == kFirst);
          if (lives) CHECK_FALSE(bench.backends.is_hopeless(first));
        }
        CHECK(bench.chosen() == kSecond);
        CHECK(bench.backends.is_hopeless(first) == (failure != Failure::is_not_ready));
      }
    }
  }
}
