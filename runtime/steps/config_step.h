// SPDX-License-Identifier: Apache-2.0
//
// The cluster's own cluster.yaml: the ConfigMap sealift-cluster in kube-system, so that any machine that reaches a
// control plane can tell what was applied last, by whom and with which artifact. It holds no secret.
#pragma once

#include <optional>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

struct KeptConfig {
  std::string text;  // config::kept_text; empty if it was too large to be kept
  std::string artifact, identity, applied_by, applied_at;
};
// Nothing if the cluster keeps none. Errors: those of kubectl; protocol.
Result<std::optional<KeptConfig>> read_kept_config(host::HostView& control_plane, const CancelToken& cancel);

class ConfigStep final : public BasicStep {
 public:
  explicit ConfigStep(const Model& model);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  KeptConfig wanted_;
};

}  // namespace sealift::steps
