// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/steps/kubeadm_step.h"

namespace sealift::steps {

// A record of this step in a host's ledger marks it as the first control plane.
inline constexpr std::string_view kInitStep = "kubeadm.init";
// On a control plane: kubeadm's input.
inline constexpr std::string_view kInitConfiguration = "/etc/sealift/kubeadm-init.yaml";

// Whether a kubeadm init was begun here with this etcd of the site: then what is in there is of that attempt.
Result<bool> has_begun_with(host::HostView& host, const std::vector<std::string>& endpoints);

// kubeadm init on the first control plane.
class InitStep final : public KubeadmStep {
 public:
  // `documents`: from kube::init_documents.
  InitStep(const Model& model, const Node& node, std::string documents);
  Result<engine::StepState> check(const engine::LookContext& context) override;

 private:
  enum class Given { nothing, these, others };
  Result<bool> pending(const engine::LookContext& context) const override;
  Result<bool> stands(const engine::LookContext& context) const override;
  Result<void> take_away_remains(engine::StepContext& context) const override;
  Result<void> configure(engine::StepContext& context) const override;
  std::vector<std::string> command() const override;
  Result<void> record(engine::StepContext& context) const override;
  Result<Given> given(host::HostView& host) const;
  Result<void> prepare_etcd(engine::StepContext& context) const;
  const Node& node_;
  std::string documents_;
};

}  // namespace sealift::steps
