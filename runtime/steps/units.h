// SPDX-License-Identifier: Apache-2.0
//
// systemd units: enabled, running, and running with their current files.
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"

namespace sealift::steps {

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

}  // namespace sealift::steps
