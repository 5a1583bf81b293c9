// SPDX-License-Identifier: Apache-2.0
//
// Executes a plan: the only part of the delivery with threads, and the one that retries steps after a lost connection.
// It asks the scheduler what may start and knows nothing of what steps do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/retry.h"
#include "runtime/engine/connections.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/scheduler.h"
#include "runtime/engine/summary.h"

namespace sealift::engine {

// For steps. Unreachable: the delays add up to more than an ordinary host's reboot. A command or peer that did not
// answer within its own generous timeout gets one more chance.
inline const base::RetryPolicy kStepRetries{
    {Duration{1000}, Duration{3000}, Duration{10000}, Duration{20000}, Duration{40000}}, {Duration{2000}}};

struct RunOptions {
  Limits limits;
  base::RetryPolicy retry = kStepRetries;
  std::map<std::string, Error> aside;  // hosts left out from the start, with the reason
  size_t stack_bytes = size_t{2} << 20;
};

// Runs until everything possible is done, a failure ends the run, or `cancel` is set (polled ten times a second;
// running steps see it through their context). An Error only for a faulty plan; everything else is in the summary, and
// in events as it happens.
Result<RunSummary> run(const Plan& plan, HostConnections& connections, EventSink& events, Clock& clock,
                       Journal& journal, const CancelToken& cancel, const RunOptions& options = {});

// --- dry run: checks and describes only; it cannot reach apply() ---

struct LookedStep {
  std::string host;
  StepId step;
  std::string description;
  enum class Finding {
    done,     // nothing to do
    needed,   // would be applied
    unknown,  // can't be checked before its prerequisites exist; `error` says what was in the way
    aside,    // the host could not be inspected
  };
  Finding finding = Finding::needed;
  std::optional<Error> error;
};

struct DryRun {
  std::vector<LookedStep> steps;       // in the order of the plan
  std::map<std::string, Error> aside;  // hosts that could not be inspected
  std::optional<Error> ended_by;       // a control plane that could not be inspected
  size_t needed = 0;
};

// Inspects all hosts at once, step by step on each.
Result<DryRun> look(const Plan& plan, HostViews& connections, const CancelToken& cancel,
                    const RunOptions& options = {});

}  // namespace sealift::engine
