// SPDX-License-Identifier: Apache-2.0
//
// An undisturbed delivery, to compare others with, and a journal that takes all hosts away at one of its records.
#pragma once

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

#include "tests/sim/wanted_end.h"

namespace sealift::sim {

class KillingJournal final : public engine::Journal {
 public:
  KillingJournal(DeliverySite& site, CancelSource& cancel, size_t at) : site_(site), cancel_(cancel), at_(at) {}
  void begin(const std::string&, const engine::StepId&, const Digest&) override { record(); }
  void end(const std::string&, const engine::StepId&, engine::StepStatus, const Error*, Duration) override { record(); }
  void finish(const Error*) override {}
  size_t records() const { return records_; }

 private:
  void record() {
    if (++records_ != at_) return;
    site_.all_reachable(false);
    cancel_.cancel();
  }
  DeliverySite& site_;
  CancelSource& cancel_;
  size_t at_;
  std::atomic<size_t> records_ = 0;
};

struct Reference {
  explicit Reference(size_t hosts, size_t control_planes = 1) : site(hosts, control_planes) {
    CancelSource cancel;
    KillingJournal journal(site, cancel, 0);
    require_delivered(site.apply(journal, base::no_events()));
    check_wanted_end(site);
    worlds = site.worlds();
    records = journal.records();
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
