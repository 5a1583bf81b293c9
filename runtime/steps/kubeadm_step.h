// SPDX-License-Identifier: Apache-2.0
//
// Common to `kubeadm init` and `kubeadm join`: finishing them despite any number of interrupted runs and power cuts.
// kubeadm can't be resumed and syncs nothing, so each run finds out how far an earlier one got:
//   pending   its job is still running, or has ended and its result was not taken: wait for it
//   stands    kubeadm finished, but the ledger does not say so: only the record is missing
//   remains   it was interrupted: kubeadm itself removes what it left first
#pragma once

#include "runtime/kube/kubeadm.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

kube::KubeadmInput kubeadm_input(const Model& model);

class KubeadmStep : public BasicStep {
 public:
  Result<void> apply(engine::StepContext& context) final;

 protected:
  KubeadmStep(engine::StepId id, std::string description, Digest inputs, const Model& model, std::string unit,
              Duration timeout);

  // Called in this order; `stands` to `configure` only if nothing is pending.
  virtual Result<bool> pending(const engine::LookContext& context) const;
  virtual Result<bool> stands(const engine::LookContext& context) const = 0;
  virtual Result<void> take_away_remains(engine::StepContext& context) const = 0;
  virtual Result<void> configure(engine::StepContext& context) const = 0;  // writes what the command reads
  virtual std::vector<std::string> command() const = 0;  // without the arguments about kubeadm's own checks
  // On a thread of its own while the command runs; returns soon after `ended` is cancelled.
  virtual void meanwhile(engine::StepContext&, const CancelToken& /*ended*/) const {}
  virtual void failed(engine::StepContext&) const {}  // the command failed; its error is the one reported
  // Syncs before it records: recorded work is never redone.
  virtual Result<void> record(engine::StepContext& context) const = 0;

  Result<bool> is_running(host::HostView& host) const;  // the job
  // By kubeadm, and what it leaves of etcd's data.
  Result<void> reset(engine::StepContext& context) const;
  const Model& model() const { return model_; }

 private:
  const Model& model_;
  std::string unit_;  // of the job
  Duration timeout_;
};

// Where etcd keeps a cluster's data on a control plane.
inline constexpr std::string_view kClusterData = "/var/lib/etcd/member";

// True if a power cut emptied a file that kubeadm or the kubelet wrote: neither ever writes an empty file.
Result<bool> lost_contents(host::HostView& host);

}  // namespace sealift::steps
