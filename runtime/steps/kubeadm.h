// SPDX-License-Identifier: Apache-2.0
//
// kubeadm init on the control plane and kubeadm join on workers, each as a job that outlives our connection.
#pragma once

#include "runtime/kube/kubeadm.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// Steps by whose record a host's ledger says that it is a node.
inline constexpr std::string_view kInitStep = "kubeadm.init";
inline constexpr std::string_view kJoinStep = "kubeadm.join";
// On a control plane: what kubeadm was given.
inline constexpr std::string_view kInitConfiguration = "/etc/sealift/kubeadm-init.yaml";

kube::KubeadmInput kubeadm_input(const Model& model);

class InitStep final : public BasicStep {
 public:
  // `documents`: from kube::init_documents.
  InitStep(const Model& model, std::string documents);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  enum class Given { nothing, these, others };
  Result<bool> stands(const engine::LookContext& context) const;
  Result<Given> given(const engine::LookContext& context) const;
  // Takes away what an attempt left that did not come to its end; refuses what is not `ours`.
  Result<void> clear(engine::StepContext& context, bool ours) const;
  Result<void> record(engine::StepContext& context) const;
  const Model& model_;
  std::string documents_;
};

class JoinStep final : public BasicStep {
 public:
  JoinStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> stands(const engine::LookContext& context) const;
  Result<void> record(engine::StepContext& context) const;
  Result<void> write_configuration(engine::StepContext& context);
  const Model& model_;
  const Node& node_;
};

// The API server behind the balancer answers.
class ApiReadyStep final : public BasicStep {
 public:
  explicit ApiReadyStep(const Model& model);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
};

}  // namespace sealift::steps
