// SPDX-License-Identifier: Apache-2.0
//
// A host as it was before it was delivered to, by its ledger and its footprint of that time. Each of these steps may be
// cut anywhere and begun again; as long as the ledger is there, a reset is not done. In this order. A cluster that was
// there before the first delivery (UndoList::keeps_cluster) stays with all that its programs made.
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/cluster_traces.h"
#include "runtime/steps/undo_list.h"

namespace sealift::steps {

// What a reset works from.
struct ToUndo {
  UndoList list;
  std::optional<KnownTraces> before;  // none: the host was first delivered to by a version that did not note it
};
Result<ToUndo> read_to_undo(host::HostView& host);

class ResetStep : public BasicStep {
 public:
  // Done on a host that nothing was delivered to, or where only the end is left.
  Result<engine::StepState> check(const engine::LookContext& context) override;

 protected:
  ResetStep(const engine::StepId& id, std::string description);
};

// Services are stopped and no longer enabled, unless they were running before. From now on no step counts as completed:
// should the next thing be a delivery, it begins anew. But for `kept`: hooks of the host's end, which are not run again
// when the reset is.
class StopStep final : public ResetStep {
 public:
  explicit StopStep(std::vector<engine::StepId> kept = {});
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::vector<engine::StepId> kept_;
};

// Containers, mounts, network interfaces and packet rules of the cluster.
class ClusterTracesStep final : public ResetStep {
 public:
  ClusterTracesStep();
  Result<void> apply(engine::StepContext& context) override;
};

// Folders of the cluster; files, kernel settings and modules as they were; and services that ran before, again.
class RestoreStep final : public ResetStep {
 public:
  RestoreStep();
  Result<void> apply(engine::StepContext& context) override;
};

// Compares the host with what it was, tells the differences, and removes the ledger, the agent and their folders.
class EndStep final : public ResetStep {
 public:
  // `verify`: it fails (unhealthy) if anything is left of what the delivery or the cluster made, and removes nothing.
  EndStep(std::string data_root, bool verify);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<void> compare_with_before(engine::StepContext& context) const;
  std::string data_root_;
  bool verify_;
};

}  // namespace sealift::steps
