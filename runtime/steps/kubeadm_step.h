// SPDX-License-Identifier: Apache-2.0
//
// What `kubeadm init` and `kubeadm join` have in common: the way to their end, over any number of runs and power cuts.
// kubeadm can't be resumed and syncs nothing, so each run finds out how far an earlier one came:
//   pending   its job still runs, or has ended without anybody taking the result: that is waited for
//   stands    kubeadm came to its end, but the ledger was not told: only the record is missing
//   remains   it was interrupted: what it left is taken away first, by kubeadm itself
#pragma once

#include "runtime/kube/kubeadm.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

kube::KubeadmInput kubeadm_input(const Model& model);

// Whether there is something at a path.
Result<bool> exists(host::HostView& host, std::string_view path);

class KubeadmStep : public BasicStep {
 public:
  Result<void> apply(engine::StepContext& context) final;

 protected:
  KubeadmStep(engine::StepId id, std::string description, Digest inputs, const Model& model, std::string unit,
              Duration timeout);

  // Each is asked or told in this order; `stands` to `configure` only if nothing is pending.
  virtual Result<bool> pending(const engine::LookContext& context) const;
  virtual Result<bool> stands(const engine::LookContext& context) const = 0;
  virtual Result<void> take_away_remains(engine::StepContext& context) const = 0;
  virtual Result<void> configure(engine::StepContext& context) const = 0;  // writes what the command reads
  virtual std::vector<std::string> command() const = 0;  // without arguments about kubeadm's own checks
  virtual void failed(engine::StepContext&) const {}     // the command did; its error is what is told
  // Syncs before it records: what is recorded is never made again.
  virtual Result<void> record(engine::StepContext& context) const = 0;

  Result<bool> is_running(host::HostView& host) const;  // the job
  Result<void> reset(engine::StepContext& context) const;
  const Model& model() const { return model_; }

 private:
  const Model& model_;
  std::string unit_;  // of the job
  Duration timeout_;
};

// True if a power cut has taken the contents of something that kubeadm or the kubelet wrote: neither of them ever
// writes an empty file.
Result<bool> lost_contents(host::HostView& host);

}  // namespace sealift::steps
