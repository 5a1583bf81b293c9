// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace sealift::engine {
namespace {

size_t lane_index(Lane lane) { return static_cast<size_t>(lane); }

}  // namespace

Result<void> validate(const Plan& plan) {
  std::set<std::pair<std::string, StepId>> seen;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const PlannedStep& planned = plan.steps[i];
    if (!planned.step) return fail(ErrorCode::internal, "plan: step {} is empty", i);
    if (planned.host.empty())
      return fail(ErrorCode::internal, "plan: step {} ({}) names no host", i, planned.step->id());
    if (planned.step->id().empty()) return fail(ErrorCode::internal, "plan: step {} on {} has no id", i, planned.host);
    for (const auto* list : {&planned.after, &planned.after_any}) {
      for (size_t before : *list) {
        if (before >= i) {
          return fail(ErrorCode::internal, "plan: step {} ({} on {}) waits for step {}, which does not stand before it",
                      i, planned.step->id(), planned.host, before);
        }
      }
    }
    if (!seen.emplace(planned.host, planned.step->id()).second) {
      return fail(ErrorCode::internal, "plan: {} stands twice for {}", planned.step->id(), planned.host);
    }
  }
  return {};
}

std::string_view name(StepStatus status) {
  switch (status) {
    case StepStatus::waiting: return "waiting";
    case StepStatus::running: return "running";
    case StepStatus::done: return "done";
    case StepStatus::skipped: return "skipped";
    case StepStatus::failed: return "failed";
    case StepStatus::interrupted: return "interrupted";
    case StepStatus::aside: return "aside";
    case StepStatus::left_out: return "left_out";
    case StepStatus::not_run: return "not_run";
  }
  return "unknown";
}

Scheduler::Scheduler(const Plan& plan, Limits limits) : plan_(plan), limits_(limits), nodes_(plan.steps.size()) {
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const PlannedStep& planned = plan.steps[i];
    auto [where, added] = host_index_.try_emplace(planned.host, hosts_.size());
    if (added) hosts_.emplace_back().name = planned.host;
    nodes_[i].host = where->second;
    hosts_[where->second].steps.push_back(i);
    nodes_[i].missing = planned.after.size() + planned.after_any.size();
    for (size_t before : planned.after) nodes_[before].needed_by.push_back(i);
    for (size_t before : planned.after_any) nodes_[before].awaited_by.push_back(i);
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].missing == 0) make_ready(i);
  }
}

void Scheduler::make_ready(size_t step) {
  HostNode& host = hosts_[nodes_[step].host];
  size_t lane = lane_index(plan_.steps[step].lane);
  host.ready[lane].insert(step);
  offer(host, lane);
}

// Keeps in startable_ exactly the first ready steps that the lane has room for.
void Scheduler::offer(HostNode& host, size_t lane) {
  size_t room = lane == lane_index(Lane::applications) ? limits_.applications : 1;
  room -= std::min(room, host.busy[lane]);
  for (const size_t step : host.ready[lane]) {
    if (room > 0) {
      startable_.insert(step);
      --room;
    } else {
      startable_.erase(step);
    }
  }
}

std::vector<size_t> Scheduler::start() {
  std::vector<size_t> out;
  const std::array<size_t, kLanes> limit{limits_.main, limits_.bytes, limits_.applications};
  for (auto it = startable_.begin(); it != startable_.end();) {
    size_t step = *it;
    size_t lane = lane_index(plan_.steps[step].lane);
    if (running_lane_[lane] >= limit[lane]) {
      ++it;
      continue;
    }
    it = startable_.erase(it);
    HostNode& host = hosts_[nodes_[step].host];
    host.ready[lane].erase(step);
    ++host.busy[lane];
    nodes_[step].status = StepStatus::running;
    ++running_;
    ++running_lane_[lane];
    out.push_back(step);
  }
  return out;
}

void Scheduler::leave_running(size_t step, StepStatus status) {
  size_t lane = lane_index(plan_.steps[step].lane);
  nodes_[step].status = status;
  --running_;
  --running_lane_[lane];
  HostNode& host = hosts_[nodes_[step].host];
  --host.busy[lane];
  offer(host, lane);
}

void Scheduler::satisfied(size_t step) {
  Node& node = nodes_[step];
  if (--node.missing == 0 && node.status == StepStatus::waiting) make_ready(step);
}

void Scheduler::ended_well(size_t step, StepStatus status) {
  leave_running(step, status);
  for (size_t next : nodes_[step].needed_by) satisfied(next);
  for (size_t next : nodes_[step].awaited_by) satisfied(next);
}

void Scheduler::done(size_t step) { ended_well(step, StepStatus::done); }
void Scheduler::skipped(size_t step) { ended_well(step, StepStatus::skipped); }

void Scheduler::interrupted(size_t step) {
  leave_running(step, StepStatus::interrupted);
  end_run();
}

// `step` will never be done: steps that need it can't run, steps that only wait for it may.
void Scheduler::lost(size_t step, size_t cause, Consequence& out) {
  for (size_t next : nodes_[step].needed_by) {
    if (ended_ || nodes_[next].status != StepStatus::waiting) continue;
    switch (plan_.steps[next].on_failure) {
      case OnFailure::end_run:
        out.ends_run = cause;
        end_run();
        return;
      case OnFailure::set_aside: put_aside(nodes_[next].host, cause, out); break;
      case OnFailure::alone:
        nodes_[next].status = StepStatus::left_out;
        out.left_out.push_back({next, step});
        lost(next, cause, out);
        break;
    }
  }
  if (ended_) return;
  for (size_t next : nodes_[step].awaited_by) satisfied(next);
}

void Scheduler::put_aside(size_t host_number, std::optional<size_t> cause, Consequence& out) {
  HostNode& host = hosts_[host_number];
  if (host.aside || ended_) return;
  host.aside = true;
  out.aside.push_back(Aside{host.name, cause});
  for (size_t step : host.steps) {
    if (nodes_[step].status != StepStatus::waiting) continue;
    if (plan_.steps[step].on_failure == OnFailure::end_run) {
      out.ends_run = cause.value_or(step);
      end_run();
      return;
    }
  }
  // Mark all of them first: dependents must not see a step of this host as waiting.
  std::vector<size_t> left;
  for (size_t step : host.steps) {
    if (nodes_[step].status != StepStatus::waiting) continue;
    nodes_[step].status = StepStatus::aside;
    startable_.erase(step);
    left.push_back(step);
  }
  for (auto& ready : host.ready) ready.clear();
  for (size_t step : left) {
    if (ended_) return;
    lost(step, cause.value_or(step), out);
  }
}

Scheduler::Consequence Scheduler::failed(size_t step, bool host_gone) {
  Consequence out;
  leave_running(step, StepStatus::failed);
  if (ended_) return out;
  const OnFailure then = plan_.steps[step].on_failure;
  if (then == OnFailure::end_run || (then == OnFailure::alone && host_gone)) {
    out.ends_run = step;
    end_run();
    return out;
  }
  if (then == OnFailure::set_aside) put_aside(nodes_[step].host, step, out);
  if (!ended_) lost(step, step, out);
  return out;
}

Scheduler::Consequence Scheduler::set_aside(const std::string& host) {
  Consequence out;
  auto found = host_index_.find(host);
  if (found != host_index_.end()) put_aside(found->second, std::nullopt, out);
  return out;
}

void Scheduler::end_run() {
  ended_ = true;
  for (Node& node : nodes_) {
    if (node.status == StepStatus::waiting) node.status = StepStatus::not_run;
  }
  startable_.clear();
  for (HostNode& host : hosts_) {
    for (auto& ready : host.ready) ready.clear();
  }
}

bool Scheduler::is_aside(const std::string& host) const {
  auto found = host_index_.find(host);
  return found != host_index_.end() && hosts_[found->second].aside;
}

}  // namespace sealift::engine
