// SPDX-License-Identifier: Apache-2.0
//
// `join`: the hosts that are new, and of the others only what they make necessary.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "tests/sim/interruptions.h"
#include "tests/sim/sample_artifact.h"

using namespace sealift;
using namespace sealift::sim;
using delivery::PlanLine;
using tests::FakeMachine;

namespace {

// All hosts but the last one are delivered; that one is written into cluster.yaml.
struct Standing {
  DeliverySite site;

  Standing(size_t hosts, size_t control_planes) : site(hosts, control_planes) {
    for (size_t i = 0; i < hosts; ++i) site.config.hosts[i].name = base::format("h{}", i);
    // the newcomer may be of either kind
    const auto all = site.config.hosts;
    site.config.hosts.erase(site.config.hosts.begin() + static_cast<std::ptrdiff_t>(newcomer()));
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    site.config.hosts = all;
  }
  // The last control plane if there are several, else the last worker.
  size_t newcomer() const { return site.control_planes() > 1 ? site.control_planes() - 1 : site.size() - 1; }
  Result<delivery::Outcome> join() {
    engine::NoJournal journal;
    return site.join(journal, base::no_events());
  }
  // Calls of all machines.
  uint64_t calls_of(const std::function<void()>& work) {
    const uint64_t before = site.calls();
    work();
    return site.calls() - before;
  }
};

std::vector<std::string> changes_since(FakeMachine& machine, size_t before) {
  return {machine.changes.begin() + static_cast<std::ptrdiff_t>(before), machine.changes.end()};
}

}  // namespace

TEST_CASE("join: a worker comes, and the nodes that stand are not even contacted") {
  Standing standing(4, 1);
  auto& site = standing.site;
  const uint64_t calls = site.machine(1).calls() + site.machine(2).calls();
  const size_t changes = site.machine(0).changes.size();
  require_delivered(standing.join());
  CHECK(site.machine(1).calls() + site.machine(2).calls() == calls);
  CHECK(site.cluster.state.nodes == std::set<std::string>{"h0", "h1", "h2", "h3"});
  // what happens on the control plane is the newcomer's own affair
  for (const auto& change : changes_since(site.machine(0), changes)) {
    INFO(change);
    CHECK((change.contains("token") || change.contains("sign") || change.starts_with("sync") ||
           change.contains("node h3") || change.contains("run ")));
  }
  check_wanted_end(site);
  again_changes_nothing(site);
  const auto again = standing.join();
  REQUIRE(again);
  CHECK_FALSE(again->error);
  CHECK(again->applied == 0);
}

TEST_CASE("join: costs the same in a cluster of 100 as in one of 3") {
  Standing small(3, 1), large(100, 1);
  const auto join = [](Standing& standing) { return standing.calls_of([&] { require_delivered(standing.join()); }); };
  const uint64_t few = join(small), many = join(large);
  CHECK(many <= few + few / 20);
}

TEST_CASE("join: of a control plane all nodes learn, and nothing else changes on them") {
  Standing standing(5, 3);
  auto& site = standing.site;
  const auto planned = site.plan_join();
  REQUIRE(planned);
  for (const auto& line : planned->lines) {
    if (line.host == "h2" || line.state == PlanLine::State::done) continue;
    INFO(line.host << " " << line.step);
    CHECK((line.step == "files.backends" || line.step == "reload.balancer" || line.step == "files.node" ||
           line.step == "units.node" || line.step == "cluster.healthy" || line.step == "cluster.history" ||
           line.step == "host.sync"));
  }
  CHECK(std::ranges::any_of(planned->lines, [](const PlanLine& line) {
    return line.host == "h4" && line.step == "files.backends" && line.state == PlanLine::State::needed;
  }));
  require_delivered(standing.join());
  CHECK(site.cluster.state.control_planes == std::set<std::string>{"h0", "h1", "h2"});
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("join: killed at every record, the same command finishes it") {
  const auto join = [](Standing& standing, engine::Journal& journal, const CancelToken& cancel) {
    return standing.site.join(journal, base::no_events(), cancel);
  };
  Standing undisturbed(3, 1);
  const size_t records = records_of(undisturbed, join);
  REQUIRE(records > 20);
  kill_at_records(
      records, [] { return Standing(3, 1); }, join,
      [](Standing& standing) {
        require_delivered(standing.join());
        engine::NoJournal apply;
        // joined just before the kill: what is missing there is apply's
        require_delivered(standing.site.apply(apply, base::no_events()));
        check_wanted_end(standing.site);
      });
}

TEST_CASE("join: takes the artifact that the cluster has, and needs a cluster") {
  Standing standing(3, 1);
  standing.site.take(sample_payload("shop", "3.5"));
  const size_t changes = standing.site.changes();
  const auto refused = standing.join();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  CHECK(refused.error().what.contains("join takes the artifact that is there"));
  CHECK(standing.site.changes() == changes);
  DeliverySite none(2);
  engine::NoJournal journal;
  const auto nothing = none.join(journal, base::no_events());
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == ErrorCode::not_found);
}
