// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// A control plane's API server can be called by every name that cluster.yaml wants (api.certSANs, api.balancer), also
// by one that came after the cluster was made: then kubeadm makes its certificate anew, which the server takes without
// a restart, and control planes that join later get the name, too. A name that cluster.yaml wants no more may stay.
class ApiCertificateStep final : public BasicStep {
 public:
  ApiCertificateStep(const Model& model, const Node& node, std::vector<std::string> names);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> has_names(host::HostView& host) const;
  Result<void> issue(engine::StepContext& context) const;
  Result<void> tell_those_that_join(engine::StepContext& context) const;
  const Model& model_;
  const Node& node_;
  std::vector<std::string> names_;
};

}  // namespace sealift::steps
