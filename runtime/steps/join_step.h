// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/steps/kubeadm_step.h"

namespace sealift::steps {

// A record of this step in a host's ledger marks it as a worker, or as a control plane other than the first.
inline constexpr std::string_view kJoinStep = "kubeadm.join";

// kubeadm join on a worker, or on a further control plane. That one needs the cluster's keys: they come from a control
// plane through this program's memory, so that no copy of them, however encrypted, gets into etcd.
class JoinStep final : public KubeadmStep {
 public:
  JoinStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;

 private:
  Result<bool> stands(const engine::LookContext& context) const override;
  Result<void> take_away_remains(engine::StepContext& context) const override;
  Result<void> configure(engine::StepContext& context) const override;
  std::vector<std::string> command() const override;
  void meanwhile(engine::StepContext& context, const CancelToken& ended) const override;
  void failed(engine::StepContext& context) const override;
  Result<void> record(engine::StepContext& context) const override;
  Result<bool> is_marked(const engine::LookContext& context) const;
  Result<void> forget(engine::StepContext& context) const;
  const Node& node_;
};

}  // namespace sealift::steps
