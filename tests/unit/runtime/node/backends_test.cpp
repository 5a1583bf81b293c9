// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/backends.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "tests/support/fake_clock.h"

using namespace sealift;
using node::Backends;

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
  // All are asked; those named fail, the others answer.
  void round(const std::set<std::string>& dead) {
    clock.advance(kTimes.every);
    for (const auto id : backends.questions(clock.monotonic())) {
      if (dead.contains(backends.address(id)))
        backends.fails(id, "connection refused");
      else
        backends.answers(id);
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
  // It may only be starting: it is trusted after many answers in a row.
  for (unsigned answers = 1; answers < kTimes.answers_to_trust; ++answers) {
    CHECK(bench.chosen() == kSecond);
    bench.round({});
  }
  CHECK(bench.chosen() == kFirst);
  bench.round({kFirst});
  bench.round({});
  CHECK(bench.chosen() == kSecond);
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
  bench.backends.set({kFirst, kSecond});
  CHECK_FALSE(bench.backends.is_hopeless(first));
}

TEST_CASE("backends: each is asked once a second, and not while it still owes an answer") {
  Bench bench({kFirst, kSecond});
  CHECK(bench.backends.next_question() == Duration{0});
  CHECK(bench.asked() == Lines{kFirst, kSecond});
  CHECK_FALSE(bench.backends.next_question());
  const auto first = bench.id(kFirst);
  bench.backends.answers(first);
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

TEST_CASE("backends: bytes of connections prove as much as an answer") {
  Bench bench({kFirst, kSecond});
  const auto first = bench.id(kFirst), second = bench.id(kSecond);
  bench.round({kFirst, kSecond});
  bench.clock.advance(kTimes.every);
  bench.backends.heard(first, bench.clock.monotonic() - Duration{1});
  CHECK(bench.asked() == Lines{kSecond});
  CHECK(bench.told.back() == "10.7.0.11:6443 answers again");
  bench.backends.answers(second);
  // It has said something since it was asked: a lost answer means nothing.
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked().size() == 2);
  bench.clock.advance(kTimes.patience);
  bench.backends.heard(first, bench.clock.monotonic());
  bench.backends.fails(first, "late");
  CHECK_FALSE(bench.backends.is_hopeless(first));
  // What it said before does not count.
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked() == Lines{kFirst});
  bench.backends.fails(first, "late");
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
  bench.round({kFirst});
  CHECK(bench.backends.is_hopeless(first));
  bench.backends.leave(first);
  bench.clock.advance(kTimes.every);
  CHECK(bench.asked() == Lines{kSecond, kThird});
  bench.backends.answers(first);  // comes late, and to nobody
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
  enum class Failure { refuses, is_silent };
  constexpr Duration kStep{10}, kAnswer{30}, kAllowed{3'000};
  for (const auto failure : {Failure::refuses, Failure::is_silent}) {
    for (const bool has_traffic : {false, true}) {
      for (Duration dies{3'000}; dies < Duration{4'000}; dies += Duration{70}) {
        INFO((failure == Failure::refuses ? "refuses" : "silent")
             << " after " << dies.count() << " ms, traffic " << has_traffic);
        Bench bench({kFirst, kSecond});
        const auto first = bench.id(kFirst);
        std::map<Backends::Id, Duration> asked;
        for (; bench.clock.monotonic() < dies + kAllowed; bench.clock.advance(kStep)) {
          const Duration now = bench.clock.monotonic();
          const bool lives = now < dies;
          if (has_traffic && lives) bench.backends.heard(first, now);
          for (const auto id : bench.backends.questions(now)) asked[id] = now;
          std::erase_if(asked, [&](const auto& question) {
            const auto& [id, since] = question;
            const bool dead = id == first && since + kAnswer > dies;
            const Duration takes = dead && failure == Failure::is_silent ? kTimes.patience : kAnswer;
            if (now - since < takes) return false;
            if (dead)
              bench.backends.fails(id, "dead");
            else
              bench.backends.answers(id);
            return true;
          });
          if (lives) CHECK_FALSE(bench.backends.is_hopeless(first));
        }
        CHECK(bench.backends.is_hopeless(first));
        CHECK(bench.told == Lines{"10.7.0.11:6443 does not answer (dead)"});
      }
    }
  }
}
