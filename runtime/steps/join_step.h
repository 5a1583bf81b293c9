// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/steps/kubeadm_step.h"

namespace sealift::steps {

// A record of this step in a host's ledger marks it as a worker.
inline constexpr std::string_view kJoinStep = "kubeadm.join";

// kubeadm join on a worker.
class JoinStep final : public KubeadmStep {
 public:
  JoinStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;

 private:
  Result<bool> stands(const engine::LookContext& context) const override;
  Result<void> take_away_remains(engine::StepContext& context) const override;
  Result<void> configure(engine::StepContext& context) const override;
  std::vector<std::string> command() const override;
  void failed(engine::StepContext& context) const override;
  Result<void> record(engine::StepContext& context) const override;
  const Node& node_;
};

}  // namespace sealift::steps
