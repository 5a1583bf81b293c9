// SPDX-License-Identifier: Apache-2.0
//
// How a run ended: for each host and overall, with the one error (if any) that decides the exit code.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "runtime/engine/scheduler.h"

namespace sealift::engine {

enum class HostEnd {
  delivered,    // every step done or skipped
  aside,        // left out before anything of the cluster was begun on it
  unfinished,   // left out after it began to change the cluster
  failed,       // its failure ended the run
  interrupted,  // the run ended or was cancelled before this host was finished
};
std::string_view name(HostEnd outcome);

struct HostSummary {
  std::string host;
  HostEnd outcome = HostEnd::delivered;
  size_t done = 0, skipped = 0, failed = 0, not_run = 0;
  std::optional<StepId> failed_step;
  std::optional<Error> error;  // why it was set aside or failed
};

// A step whose failure concerns only those that need it (OnFailure::alone).
struct StepEnd {
  std::string host;
  StepId step;
  StepStatus status = StepStatus::waiting;
  std::optional<Error> error;  // why it failed or was left out
};

struct RunSummary {
  std::vector<HostSummary> hosts;  // in the order of the plan; a step that failed alone is no fault of its host
  std::vector<StepEnd> alone;      // in the order of the plan
  size_t changed = 0;              // steps that were applied
  Duration took{};
  std::optional<Error> ended_by;  // why the run ended early

  bool complete() const;  // all hosts delivered, and no step failed
  // Nothing if complete; the error that ended the run; `partial` if hosts were left out, or if steps failed alone for
  // different reasons; else the code that all of these failed with.
  std::optional<Error> error() const;
};

}  // namespace sealift::engine
