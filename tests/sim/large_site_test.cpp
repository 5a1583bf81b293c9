// SPDX-License-Identifier: Apache-2.0
//
// The largest site that is common, through its life: five control planes and a hundred workers are made, a worker
// joins, a control plane leaves, another one dies and is replaced. What a host is asked does not grow with the others.
// A site of this size can't be made anew for each kill: every command is killed again and again on the same one, with
// three workers at each number of records, with a hundred at each 150th.
#include <optional>

#include "tests/sim/living.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

constexpr size_t kFirstWorker = 6;

// Five control planes, one that is spare, the workers, and one that joins later.
struct Life : Living {
  std::vector<size_t> members{0, 1, 2, 3, 4};
  std::optional<size_t> dead;

  explicit Life(size_t workers) : Living(kFirstWorker + workers + 1, kFirstWorker, Begin::not_delivered) {
    for (size_t i = 0; i < workers; ++i) members.push_back(kFirstWorker + i);
    want(members);
  }
  size_t newcomer() const { return machines.size() - 1; }
  void comes(size_t i) {
    members.push_back(i);
    want(members);
  }
  void gone(size_t i) {
    std::erase(members, i);
    want(members);
  }
  void dies(size_t i) {
    dead = i;
    site.cluster.dies(site.machine(i));
  }
  std::map<size_t, uint64_t> calls() {
    std::map<size_t, uint64_t> out;
    for (const size_t i : members) out[i] = site.machine(i).calls();
    return out;
  }
};

using Order = std::function<Result<delivery::Outcome>(Life&, engine::Journal&, const CancelToken&)>;

Result<delivery::Outcome> apply(Life& life, engine::Journal& journal, const CancelToken& cancel) {
  return life.site.apply(journal, base::no_events(), cancel);
}
Result<delivery::Outcome> join(Life& life, engine::Journal& journal, const CancelToken& cancel) {
  return life.site.join(journal, base::no_events(), cancel);
}
Order remove(const delivery::RemoveOptions& options) {
  return [options](Life& life, engine::Journal& journal, const CancelToken& cancel) {
    return life.site.remove(journal, options, base::no_events(), cancel);
  };
}

// `run` brings a command to its end.
void live(Life& life, const std::function<void(const Order&)>& run) {
  run(apply);
  life.check_cluster(life.members);
  life.comes(life.newcomer());
  run(join);
  life.check_cluster(life.members);
  run(remove({{"h1"}}));
  life.gone(1);
  life.check_cluster(life.members);
  life.check_as_before(1);
  life.dies(2);
  run(remove({{"h2"}, true}));
  life.gone(2);
  life.comes(5);
  run(apply);
  life.check_cluster(life.members);
  again_changes_nothing(life.site);
}

// To each host, after each command.
std::vector<std::map<size_t, uint64_t>> calls_of_life(size_t workers) {
  Life life(workers);
  std::vector<std::map<size_t, uint64_t>> out;
  live(life, [&](const Order& command) {
    if (life.dead) life.site.machine(*life.dead).set_reachable(false);
    engine::NoJournal journal;
    require_delivered(command(life, journal, {}));
    out.push_back(life.calls());
  });
  return out;
}

void live_killed(size_t workers, size_t stride) {
  Life life(workers);
  live(life, [&](const Order& command) {
    const auto outcome =
        kill_again_and_again(life, stride, [&](Life& place, engine::Journal& journal, const CancelToken& cancel) {
          if (place.dead) place.site.machine(*place.dead).set_reachable(false);
          return command(place, journal, cancel);
        });
    if (outcome) require_delivered(outcome);
    if (!outcome) CHECK(outcome.error().code == ErrorCode::not_found);  // the last kill came after a removal's end
  });
}

}  // namespace

TEST_CASE("large site: no host is asked more than one of a small site, and the first one only for each worker") {
  const auto small = calls_of_life(3), large = calls_of_life(100);
  REQUIRE(small.size() == 5);
  for (size_t command = 0; command < small.size(); ++command) {
    INFO("after command " << command);
    uint64_t most = 0;
    for (const auto& [host, calls] : small[command]) most = host >= kFirstWorker ? std::max(most, calls) : most;
    for (const auto& [host, calls] : large[command]) {
      INFO("h" << host);
      const uint64_t alike = host >= kFirstWorker ? most : small[command].at(host);
      // the first one makes tokens and certificates, and is asked whether they are Ready
      const uint64_t for_others = host == 0 ? 10 * 97 : 0;
      CHECK(calls <= alike + for_others + 20);  // as long as something is waited for
    }
  }
  for (size_t host = kFirstWorker; host < kFirstWorker + 100; ++host)
    CHECK(large[1].at(host) == large[0].at(host));  // somebody else joins
}

TEST_CASE("large site: its life with three workers, every command killed at each number of records") {
  live_killed(3, 1);
}

TEST_CASE("large site: its life with a hundred workers, every command killed at each 150th record") {
  live_killed(100, 150);
}
