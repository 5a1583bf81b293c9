// SPDX-License-Identifier: Apache-2.0
//
// A control plane's records without an application that has been removed: what artifacts have, and with an artifact's
// last application its payload. (The ledger's own record ends when the step begins: PlannedStep::ends.)
#pragma once

#include <string>
#include <vector>

#include "runtime/host/artifact_record.h"
#include "runtime/steps/basic_step.h"

namespace sealift::steps {

// "forget.app.redis". Needed while a record of this host has it.
class ForgetAppStep final : public BasicStep {
 public:
  explicit ForgetAppStep(std::string app);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<void> drop(engine::StepContext& context, const host::ArtifactRecord& record) const;
  std::string app_;
};

// Whether nothing of an artifact is left on the cluster: it brought no base, and has neither applications nor files on
// hosts.
bool is_spent(const host::ArtifactRecord& record);

}  // namespace sealift::steps
