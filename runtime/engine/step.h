// SPDX-License-Identifier: Apache-2.0
//
// A step: one idempotent intent on one host (or on the cluster through one host). Steps are data for the plan; the
// runner calls check, and apply only if check did not find the wanted state. A step reaches its host only through the
// context.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/error.h"
#include "payload/base/event.h"
#include "payload/hash/digest.h"

namespace sealift::host {
class Host;
class HostView;
}  // namespace sealift::host

namespace sealift::engine {

class HostConnections;
class HostViews;

// "kubeadm.init", "files.base", "app.redis"; unique per host.
using StepId = std::string;

enum class StepState {
  done,    // the wanted state is there: skip
  needed,  // apply
};

// What check() may use: nothing here can change anything.
struct LookContext {
  host::HostView& host;
  HostViews& others;  // hosts other than the step's own
  CancelToken cancel;
  std::vector<std::string> aside;     // hosts that this run has set aside so far
  std::vector<StepId> not_done = {};  // steps that failed alone in this run, and those left out because of them
};

// What apply() may use.
struct StepContext {
  host::Host& host;
  HostConnections& others;
  CancelToken cancel;
  std::vector<std::string> aside;
  std::string host_name;
  EventSink& events;
  Clock& clock;
  StepId step;
  // The inputs of the step's last success here, if nothing has begun since. The runner has already ended that record:
  // whatever this attempt's result, it can't be mistaken for the earlier success.
  std::optional<std::string> succeeded_with = {};
  std::vector<StepId> not_done = {};  // as in LookContext
  // Reports this step's bytes; total 0 = unknown.
  void progress(uint64_t done, uint64_t total) const;
  LookContext looking() const;
};

// The read-only side of a step: all that a dry run can reach.
class StepLook {
 public:
  virtual ~StepLook() = default;
  virtual StepId id() const = 0;
  // One line for people: "install Kubernetes v1.34.4 and its container runtime (12 files)".
  virtual std::string describe() const = 0;
  // Digest of everything that determines the wanted state.
  virtual Digest inputs() const = 0;
  // Inspects the host.
  virtual Result<StepState> check(const LookContext& context) = 0;
};

class Step : public StepLook {
 public:
  virtual Result<void> apply(StepContext& context) = 0;
};

enum class OnFailure {
  end_run,    // an unreachable or failed control plane ends the run
  set_aside,  // the host is left out, the others continue
  alone,      // only the steps that need it are left out; if the host is gone: end_run
};

// A host runs one step of each lane at a time, of applications several.
enum class Lane {
  main,          // everything that has an order
  bytes,         // bulk transfers beside the main lane (the payload's later frames)
  applications,  // side by side, as their needs allow
};
inline constexpr size_t kLanes = 3;

// A step placed in the plan.
struct PlannedStep {
  std::shared_ptr<Step> step;
  std::string host;           // the host's name
  std::vector<size_t> after;  // indexes of steps that must be done (or skipped) first
  OnFailure on_failure = OnFailure::set_aside;
  // For the summary: a host that fails after such a step began is `unfinished`, not just left out.
  bool changes_cluster = false;
  std::vector<size_t> after_any;  // indexes of steps that must have ended first, in whatever way
  Lane lane = Lane::main;
  // Steps of this host whose recorded success ends as soon as this one begins: units read what it writes, and may have
  // been started with it by the time of the next check.
  std::vector<StepId> ends = {};
};

// A step of a host that was set aside counts as not done for steps that need it (`after`); steps of other hosts that
// only wait for it (`after_any`) go ahead. A step whose prerequisite was not done sets its own host aside too, or ends
// the run, according to its on_failure.
struct Plan {
  std::vector<PlannedStep> steps;  // topological: `after` and `after_any` name only smaller indexes
};

}  // namespace sealift::engine
