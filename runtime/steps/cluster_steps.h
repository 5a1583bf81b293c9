// SPDX-License-Identifier: Apache-2.0
//
// Settings of the cluster itself once its API answers: name resolution, labels, the wait for Ready nodes.
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The API server behind the balancer answers.
class ApiReadyStep final : public BasicStep {
 public:
  explicit ApiReadyStep(const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
};

// CoreDNS's upstreams as set by network.dnsUpstream. A note in Outcome says where it forwards.
class DnsStep final : public BasicStep {
 public:
  explicit DnsStep(const Model& model);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<std::string> corefile(const engine::LookContext& context) const;
  std::vector<std::string> servers_;
  bool hosts_own_ = false;
};

// The name servers CoreDNS will ask (none if empty), and whether kubeadm's own line stays.
struct Upstreams {
  std::vector<std::string> servers;
  bool keep_hosts_own = false;
  std::string note;
};
Upstreams upstreams(const Model& model);

// A node's labels from cluster.yaml; other labels are left alone.
class LabelsStep final : public BasicStep {
 public:
  LabelsStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  const Node& node_;
  std::string control_plane_;
};

class NodeReadyStep final : public BasicStep {
 public:
  NodeReadyStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> ready(const engine::LookContext& context, std::string& message) const;
  const Node& node_;
  std::string control_plane_;
};

}  // namespace sealift::steps
