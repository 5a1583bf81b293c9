// SPDX-License-Identifier: Apache-2.0
//
// The node service on a host: its program, certificates, configuration and units (image mirror, API balancer,
// their sockets, clean-up at boot).
#pragma once

#include <memory>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/files.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The program, both configurations, the services' units and containerd's hosts.toml, as files of one step.
Result<std::vector<WantedFile>> node_service_files(const Model& model, const Node& node);
// The units of both services' sockets. Apart from the others, since a socket must not be restarted with its service.
std::vector<WantedFile> socket_files(const Model& model, const Node& node);

// The cluster's CA for traffic between node services: its key is made on the control plane and never leaves it.
class AuthorityStep final : public BasicStep {
 public:
  AuthorityStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_, cluster_;
};

// A node's own keys, made on the node, and their certificates, signed on the control plane; only public data travels.
// One is for the mirror as a server, for this node's address and 127.0.0.1; one for the mirror as a client of others.
class CertificateStep final : public BasicStep {
 public:
  CertificateStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<void> issue(engine::StepContext& context, host::Host& authority, const std::string& usage,
                     const std::string& addresses);
  std::string program_, authority_program_, control_plane_, name_, ip_;
};

// Path of the node service's program on a node, named by its digest.
Result<std::string> node_program(const Model& model, const Node& node);

}  // namespace sealift::steps
