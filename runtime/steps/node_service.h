// SPDX-License-Identifier: Apache-2.0
//
// The node service on a host: its program, certificates, configuration and three units (image mirror, API balancer,
// clean-up at boot).
#pragma once

#include <memory>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/files.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The program, both configurations, the units and containerd's hosts.toml, as files of one step.
Result<std::vector<WantedFile>> node_service_files(const Model& model, const Node& node);

// The cluster's CA for traffic between node services: its key is made on the control plane and never leaves it.
class AuthorityStep final : public BasicStep {
 public:
  AuthorityStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_, cluster_;
};

// A node's own key, made on the node, and its certificate, signed on the control plane; only public data travels.
class CertificateStep final : public BasicStep {
 public:
  CertificateStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_, authority_program_, control_plane_, name_, ip_;
};

// Path of the node service's program on a node, named by its digest.
Result<std::string> node_program(const Model& model, const Node& node);

}  // namespace sealift::steps
