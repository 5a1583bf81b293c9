// SPDX-License-Identifier: Apache-2.0
//
// A cluster that some of its nodes are going to leave.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/interruptions.h"
#include "tests/support/event_recorder.h"

namespace sealift::sim {

inline std::string text(const tests::FakeMachine& machine, const std::string& path) {
  const auto file = machine.world.files.find(path);
  return file == machine.world.files.end() ? "" : std::string(base::as_text(file->second.content));
}

// A cluster of the first `wanted` … of a site's machines, as its cluster.yaml says at the moment.
struct Living {
  DeliverySite site;
  std::map<std::string, tests::FakeMachine::World> before;
  std::vector<config::HostConfig> machines;

  enum class Begin { delivered, not_delivered };
  Living(size_t hosts, size_t control_planes, Begin) : site(hosts, control_planes) {
    before = site.worlds();
    machines = site.config.hosts;
  }
  Living(size_t hosts, size_t control_planes, const std::vector<size_t>& wanted = {})
      : Living(hosts, control_planes, Begin::not_delivered) {
    if (!wanted.empty()) want(wanted);
    deliver();
  }
  void want(const std::vector<size_t>& wanted) {
    site.config.hosts.clear();
    for (const size_t i : wanted) site.config.hosts.push_back(machines[i]);
  }
  void deliver() {
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
  }
  Result<delivery::Outcome> remove(const delivery::RemoveOptions& options, EventSink& events = base::no_events()) {
    engine::NoJournal journal;
    return site.remove(journal, options, events);
  }
  delivery::Outcome require_removed(const delivery::RemoveOptions& options) {
    const auto outcome = remove(options);
    require_delivered(outcome);
    CHECK(outcome->kind == delivery::Outcome::Kind::removal);
    return *outcome;
  }
  Error refused(const delivery::RemoveOptions& options) {
    const size_t changes = site.changes();
    const auto cluster = site.cluster.state;
    const auto outcome = remove(options);
    REQUIRE_FALSE(outcome);
    CHECK(site.changes() == changes);
    CHECK((site.cluster.state == cluster));
    return outcome.error();
  }

  // The cluster is these machines, each of which knows all of its control planes and no other; and etcd too.
  void check_cluster(const std::vector<size_t>& members) {
    std::set<std::string> nodes, planes, etcd;
    for (const size_t i : members) {
      const auto name = site.machine(i).name();
      nodes.insert(name);
      if (machines[i].role == format::HostRole::control_plane) planes.insert(name);
    }
    for (const auto& [id, member] : site.cluster.state.etcd) etcd.insert(member.name);
    CHECK(site.cluster.state.nodes == nodes);
    CHECK(site.cluster.state.control_planes == planes);
    CHECK(etcd == planes);
    CHECK(site.cluster.state.cordoned.empty());
    CHECK(site.cluster.faults == std::vector<std::string>{});
    check_units_are_current(site);
    for (const size_t i : members) {
      for (size_t other = 0; other < machines.size(); ++other) {
        INFO(i << " about " << other);
        const bool known = planes.contains(site.machine(other).name());
        CHECK(text(site.machine(i), "/etc/sealift/balancer.json").contains(machines[other].address + ":") == known);
        CHECK(text(site.machine(i), "/etc/sealift/renew.json").contains(machines[other].address + ":") == known);
      }
    }
  }
  void check_as_before(size_t i) {
    const auto& machine = site.machine(i);
    INFO(machine.name());
    CHECK(machine.ledger.empty());
    auto now = machine.world, was = before.at(machine.name());
    for (auto* world : {&now, &was}) world->files.erase("/run/sealift");
    for (const auto& [path, file] : now.files) {
      INFO(path);
      CHECK(was.files.contains(path));
    }
    CHECK((now.files == was.files));
    CHECK(now.stores.empty());
    CHECK(now.recorded.empty());
    for (const auto& [name, unit] : now.units) {
      INFO(name);
      CHECK_FALSE(unit.active);
      CHECK_FALSE(unit.enabled);
    }
  }
  const tests::FakeMachine& machine(size_t i) { return site.machine(i); }
};

inline bool noted(const delivery::Outcome& outcome, std::string_view part) {
  return std::ranges::any_of(outcome.notes, [&](const std::string& note) { return note.contains(part); });
}

inline const delivery::HostOutcome& of(const delivery::Outcome& outcome, std::string_view name) {
  const auto found = std::ranges::find(outcome.hosts, name, &delivery::HostOutcome::name);
  INFO(name);
  REQUIRE(found != outcome.hosts.end());
  return *found;
}

}  // namespace sealift::sim
