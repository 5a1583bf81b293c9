// SPDX-License-Identifier: Apache-2.0
//
// Delivered means: on the disk. Our own files are synced as they are written; kubeadm, kubelet, containerd and the
// network's plugins leave theirs to the kernel, which takes half a minute.
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// Where programs that a delivery starts write, each perhaps on a disk of its own.
std::vector<std::string> written_paths(const Node& node);

// The last step of a host. Needed as long as the host's ledger knows of a change that no sync has followed, also one of
// an earlier run that ended in between.
class SyncStep final : public BasicStep {
 public:
  explicit SyncStep(const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::vector<std::string> paths_;
};

}  // namespace sealift::steps
