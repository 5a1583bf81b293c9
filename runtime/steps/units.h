// SPDX-License-Identifier: Apache-2.0
//
// systemd units: enabled, running, and running with their current files; some take a new configuration without a
// restart.
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"

namespace sealift::steps {

// Whether its program is there, or on its way.
bool is_at_work(const host::UnitState& unit);

struct WantedUnit {
  std::string name;
  enum class Want {
    running,  // enabled and active; restarted when its inputs change
    enabled,  // started by others (the kubelet by kubeadm)
  } want = Want::running;
};

// `inputs`: digest of the files that the units read, so that a change of them causes a restart. Recorded in the ledger.
class UnitsStep final : public BasicStep {
 public:
  UnitsStep(engine::StepId id, std::string description, std::vector<WantedUnit> units, Digest inputs);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::vector<WantedUnit> units_;
};

// Lets a running service read its configuration again, which ends none of its connections. Comes after the step that
// starts the service. `inputs`: digest of the configuration. Recorded in the ledger; the step that writes the
// configuration ends the record (PlannedStep::ends), so that a run that was killed in between is made good by the next.
class ReloadStep final : public BasicStep {
 public:
  ReloadStep(engine::StepId id, std::string description, std::string unit, Digest inputs);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string unit_;
};

}  // namespace sealift::steps
