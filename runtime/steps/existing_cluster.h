// SPDX-License-Identifier: Apache-2.0
//
// The login at a cluster that Sealift did not make (cluster.yaml, existing).
#pragma once

#include <string>
#include <string_view>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The file on control planes with which kubectl and helm run (runtime/host/kubeconfig.h).
std::string_view kubeconfig_path(const config::ClusterConfig& config);

// What a kubeconfig's current context names. Errors: protocol.
struct KubeContext {
  std::string cluster, user;
};
Result<KubeContext> current_context(std::string_view kubeconfig, std::string_view where);

// On a control plane: existing.kubeconfig, as a file of root's alone; without that field, what an earlier delivery has
// put there goes.
class KubeconfigStep final : public BasicStep {
 public:
  explicit KubeconfigStep(const config::ExistingCluster& existing);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  const config::ExistingCluster& existing_;
};

}  // namespace sealift::steps
