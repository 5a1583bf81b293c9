// SPDX-License-Identifier: Apache-2.0
//
// An undisturbed delivery, to compare others with.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

#include "tests/sim/interruptions.h"

namespace sealift::sim {

struct Reference {
  explicit Reference(size_t hosts, size_t control_planes = 1) : site(hosts, control_planes) {
    records = records_of(site, apply_to);
    check_wanted_end(site);
    worlds = site.worlds();
  }
  // Every host and the cluster must be as after an undisturbed delivery.
  void check_same(DeliverySite& other, Run run) {
    check_wanted_end(other);
    auto now = other.worlds();
    for (const auto& [name, world] : worlds) {
      INFO(name);
      CHECK(difference(world, now.at(name), run) == "");
    }
    CHECK((other.cluster.state == site.cluster.state));
  }
  // And nothing may have started twice on the way.
  void check_undisturbed(DeliverySite& other) {
    check_same(other, Run::compared);
    for (const auto& [host, times] : other.cluster.inits) CHECK(times == 1);
    for (const auto& [host, times] : other.cluster.joins) CHECK(times == 1);
    CHECK(other.cluster.resets.empty());
  }
  DeliverySite site;
  std::map<std::string, tests::FakeMachine::World> worlds;
  size_t records = 0;
};

}  // namespace sealift::sim
