// SPDX-License-Identifier: Apache-2.0
//
// Which steps may start, and what follows when one fails. Pure: no thread, no clock, no host; the same answers give the
// same order. The runner drives it and owns the lock around it.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/engine/step.h"

namespace sealift::engine {

// Checks a plan: indexes point backwards, (host, id) unique, no empty names. A fault is `internal`: plans are made by
// code.
Result<void> validate(const Plan& plan);

enum class StepStatus {
  waiting,
  running,
  done,     // applied
  skipped,  // the wanted state was already there
  failed,
  interrupted,  // cancelled while running
  aside,        // its host was set aside before it could run
  left_out,     // what it needs failed alone, or was left out
  not_run,      // the run ended first
};
std::string_view name(StepStatus status);

// Concurrent steps over all hosts, by lane. Each host runs one of each lane, but as many applications as there may be.
struct Limits {
  size_t main = 64;  // steps mostly wait for hosts; 64 threads are cheap: their stacks are only address space
  size_t bytes = 4;  // more streams would share the same uplink and all finish later
  size_t applications = 8;
};

class Scheduler {
 public:
  struct Aside {
    std::string host;
    std::optional<size_t> cause;  // the failed step that caused it; none = requested from outside
  };
  struct LeftOut {
    size_t step;
    size_t needed;  // which was not done
  };
  struct Consequence {
    std::vector<Aside> aside;        // hosts set aside by this, in order
    std::vector<LeftOut> left_out;   // steps that won't run because of this, in order
    std::optional<size_t> ends_run;  // the step that ends the run
  };

  // The plan must be valid and outlive the scheduler.
  Scheduler(const Plan& plan, Limits limits);

  // Steps that may start now, smallest index first; they count as running from this call on.
  std::vector<size_t> start();

  void done(size_t step);
  void skipped(size_t step);
  void interrupted(size_t step);
  // Leaves out the step's host, or only what needs the step, or ends the run, according to the step's on_failure;
  // likewise for every step that needed it. `host_gone`: its host does not answer.
  Consequence failed(size_t step, bool host_gone = false);
  // Sets a host aside on outside request. Ends the run if one of its waiting steps has on_failure end_run.
  Consequence set_aside(const std::string& host);
  // No further step starts.
  void end_run();

  bool ended() const { return ended_; }
  bool finished() const { return running_ == 0 && startable_.empty(); }
  size_t running() const { return running_; }
  StepStatus status(size_t step) const { return nodes_[step].status; }
  bool is_aside(const std::string& host) const;

 private:
  struct Node {
    StepStatus status = StepStatus::waiting;
    size_t missing = 0;  // dependencies not yet satisfied
    size_t host = 0;
    std::vector<size_t> needed_by;   // `after` reversed
    std::vector<size_t> awaited_by;  // `after_any` reversed
  };
  struct HostNode {
    std::string name;
    bool aside = false;
    std::vector<size_t> steps;
    std::array<std::set<size_t>, kLanes> ready;
    std::array<size_t, kLanes> busy{};  // running steps
  };

  void make_ready(size_t step);
  void offer(HostNode& host, size_t lane);
  void satisfied(size_t step);
  void ended_well(size_t step, StepStatus status);
  void leave_running(size_t step, StepStatus status);
  void lost(size_t step, size_t cause, Consequence& out);
  void put_aside(size_t host, std::optional<size_t> cause, Consequence& out);

  const Plan& plan_;
  Limits limits_;
  std::vector<Node> nodes_;
  std::vector<HostNode> hosts_;
  std::map<std::string, size_t> host_index_;
  std::set<size_t> startable_;  // of each host and lane no more than it has room for
  size_t running_ = 0;
  std::array<size_t, kLanes> running_lane_{};
  bool ended_ = false;
};

}  // namespace sealift::engine
