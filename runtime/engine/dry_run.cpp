// SPDX-License-Identifier: Apache-2.0
//
// The dry run sees steps only as StepLook and hosts only as HostView: nothing can be changed from here.
#include <algorithm>

#include "payload/base/thread.h"
#include "runtime/engine/runner.h"
#include "runtime/host/host.h"

namespace sealift::engine {
namespace {

struct HostSteps {
  std::string host;
  std::vector<size_t> steps;
};

// A step of the plan through its read-only interface.
StepLook& seen(const Plan& plan, size_t index) { return *plan.steps[index].step; }

bool builds_on_missing(const Plan& plan, size_t index, const std::vector<LookedStep>& looked) {
  auto missing = [&](size_t before) { return looked[before].finding != LookedStep::Finding::done; };
  return std::ranges::any_of(plan.steps[index].after, missing);
}

void look_at_host(const Plan& plan, const HostSteps& work, HostViews& connections, const CancelToken& cancel,
                  std::vector<LookedStep>& looked, std::optional<Error>& unreachable) {
  auto connected = connections.view(work.host, cancel);
  bool earlier_needed = false;
  std::set<StepId> ended;  // successes ended by steps that would begin
  for (size_t index : work.steps) {
    LookedStep& out = looked[index];
    if (!connected || unreachable) {
      if (!connected) unreachable = connected.error();
      out.finding = LookedStep::Finding::aside;
      continue;
    }
    auto state = seen(plan, index).check({**connected, connections, cancel, {}});
    if (state) {
      out.finding = *state == StepState::done && !ended.contains(out.step) ? LookedStep::Finding::done
                                                                           : LookedStep::Finding::needed;
    } else if (state.error().code == ErrorCode::unreachable || state.error().code == ErrorCode::cancelled) {
      unreachable = state.error();
      out.finding = LookedStep::Finding::aside;
    } else {
      out.finding = earlier_needed ? LookedStep::Finding::needed : LookedStep::Finding::unknown;
      out.error = state.error();
    }
    if (out.finding == LookedStep::Finding::done) continue;
    earlier_needed = true;
    ended.insert(plan.steps[index].ends.begin(), plan.steps[index].ends.end());
  }
}

}  // namespace

Result<DryRun> look(const Plan& plan, HostViews& connections, const CancelToken& cancel, const RunOptions& options) {
  SEALIFT_TRY(validate(plan));
  DryRun out;
  out.aside = options.aside;
  out.steps.resize(plan.steps.size());
  std::vector<HostSteps> hosts;
  std::map<std::string, size_t> where;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const std::string& host = plan.steps[i].host;
    out.steps[i].host = host;
    out.steps[i].step = seen(plan, i).id();
    if (options.aside.contains(host)) {
      out.steps[i].finding = LookedStep::Finding::aside;
      continue;
    }
    auto [slot, added] = where.try_emplace(host, hosts.size());
    if (added) hosts.push_back({host, {}});
    hosts[slot->second].steps.push_back(i);
  }
  std::vector<std::optional<Error>> unreachable(hosts.size());
  base::parallel_for(hosts.size(), static_cast<unsigned>(options.limits.main),
                     [&](size_t i) { look_at_host(plan, hosts[i], connections, cancel, out.steps, unreachable[i]); });
  SEALIFT_TRY(cancel.check());
  // A step may know more after its look.
  for (size_t i = 0; i < plan.steps.size(); ++i) out.steps[i].description = seen(plan, i).describe();
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (!unreachable[i]) continue;
    out.aside.emplace(hosts[i].host, *unreachable[i]);
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    LookedStep& step = out.steps[i];
    // A check that failed because a prerequisite is missing only means: not yet.
    if (step.finding == LookedStep::Finding::unknown && builds_on_missing(plan, i, out.steps))
      step.finding = LookedStep::Finding::needed;
    if (step.finding == LookedStep::Finding::needed) {
      step.error.reset();
      ++out.needed;
    }
    if (step.finding == LookedStep::Finding::aside && plan.steps[i].on_failure == OnFailure::end_run && !out.ended_by) {
      auto why = out.aside.find(step.host);
      if (why != out.aside.end()) out.ended_by = why->second;
    }
  }
  return out;
}

}  // namespace sealift::engine
