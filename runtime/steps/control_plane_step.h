// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// A control plane that has joined is one: its own API server answers, and etcd, unless it is the site's, has a quorum
// in which it votes. Until then no other one may join: two that come at once can take a cluster's quorum away.
class ControlPlaneReadyStep final : public BasicStep {
 public:
  ControlPlaneReadyStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> ready(const engine::LookContext& context, std::string& message) const;
  Result<bool> votes(const engine::LookContext& context) const;
  const Node& node_;
  bool has_etcd_;  // of the cluster's own
  uint16_t port_;
};

// An error unless the API server on the control plane itself, not the balancer, is ready.
Result<void> own_api_server_answers(host::HostView& control_plane, uint16_t port, const CancelToken& cancel);

}  // namespace sealift::steps
