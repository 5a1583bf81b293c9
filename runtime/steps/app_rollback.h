// SPDX-License-Identifier: Apache-2.0
//
// Takes a helm release back to an earlier revision, with the same gate as an installation.
#pragma once

#include <memory>

#include "runtime/steps/apps.h"
#include "runtime/steps/basic_step.h"

namespace sealift::steps {

// "rollback.app.redis". Always needed. That cluster.yaml's version is installed must no longer be recorded when it
// begins (PlannedStep::ends).
class RollbackAppStep final : public BasicStep {
 public:
  // `app` is a chart, `revision` one that helm knows, `newest` its last one. `shared`: of all applications of the run.
  RollbackAppStep(const Model& model, const SelectedApp& app, uint64_t revision, uint64_t newest,
                  std::shared_ptr<ClusterApps> shared);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  const SelectedApp& app_;
  uint64_t revision_;
  std::shared_ptr<ClusterApps> shared_;
  AppStep gate_;
};

}  // namespace sealift::steps
