// SPDX-License-Identifier: Apache-2.0
//
// A small-scale delivery: the shape of a real plan (prepare, store, init, join, applications) made of steps that only
// touch fake machines, for any number of hosts.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/runner.h"
#include "tests/support/event_recorder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"

namespace sealift::sim {

// The machines and the one fact kept on none of them: which have joined.
class Site {
 public:
  explicit Site(size_t hosts);
  tests::FakeMachine& machine(size_t i) { return *machines_[i]; }
  size_t size() const { return machines_.size(); }
  tests::FakeMachine* find(const std::string& name);
  void all_reachable(bool reachable);
  bool joined(const std::string& host);
  void join(const std::string& host);
  // How often kubeadm was actually started, by host.
  std::map<std::string, int> kubeadm_runs();
  std::map<std::string, tests::FakeMachine::World> worlds();
  std::vector<std::string> faults();  // what must never happen, but did

  std::atomic<int> running = 0, most_running = 0;

 private:
  friend class SiteStep;
  void fault(std::string text);

  std::vector<std::unique_ptr<tests::FakeMachine>> machines_;
  std::map<std::string, tests::FakeMachine*> by_name_;
  std::mutex mutex_;
  std::map<std::string, int> kubeadm_runs_;
  std::set<std::string> joined_;
  std::map<std::string, int> busy_;  // concurrent main-lane applies
  std::vector<std::string> faults_;
};

// Host 0 is the control plane.
engine::Plan make_plan(Site& site);

// Runs the plan against the site as a fresh start of the program would: new connections, new steps.
engine::RunSummary deliver(Site& site, engine::Journal& journal, EventSink& events, const CancelToken& cancel,
                           const engine::RunOptions& options = {});

}  // namespace sealift::sim
