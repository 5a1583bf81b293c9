// SPDX-License-Identifier: Apache-2.0
//
// Delivered means on disk. Sealift syncs its own files as it writes them; kubeadm, kubelet, containerd and the CNI
// plugins leave theirs to the kernel, which takes half a minute.
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// Where the programs started by a delivery write; each path may be on a disk of its own.
std::vector<std::string> written_paths(const Node& node);

// A host's last step. Needed while the host's ledger records a change not followed by a sync, including a change of an
// earlier, interrupted run.
class SyncStep final : public BasicStep {
 public:
  explicit SyncStep(const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::vector<std::string> paths_;
};

}  // namespace sealift::steps
