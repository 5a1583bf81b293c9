// SPDX-License-Identifier: Apache-2.0
//
// A node leaves its cluster: its pods go elsewhere, etcd and the API forget it. Asked of a control plane that stays,
// whichever host a step is planned for: on the leaving one if that answers, so that its failure is that host's only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/steps/basic_step.h"

namespace sealift::steps {

class LeaveStep : public BasicStep {
 protected:
  // `asked`: the control plane's name, `node` the leaving one's.
  LeaveStep(std::string_view what, std::string asked, std::string node, std::string description, Digest inputs);
  Result<std::shared_ptr<host::Host>> asked(engine::StepContext& context) const;
  Result<std::shared_ptr<host::HostView>> look(const engine::LookContext& context) const;
  Result<engine::StepState> done_without_node(const engine::LookContext& context) const;
  const std::string& node() const { return node_; }
  const std::string& asked_name() const { return asked_; }

 private:
  std::string asked_, node_;
};

struct DrainOptions {
  Duration timeout{300'000};  // whole seconds, for its pods to go
  bool force = false;         // also if something is lost by that
};

// Cordons the node and evicts its pods, which respects PodDisruptionBudgets. Errors: preflight, without `force`, if
// pods would lose data or would not be made again, with their names: before anything is changed; unhealthy if pods are
// left when the time is over, with their names and budgets: the node stays cordoned. (Not `timeout`: the runner would
// wait for as long once more.)
class DrainStep final : public LeaveStep {
 public:
  DrainStep(std::string asked, std::string node, DrainOptions options);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<base::ExitStatus> drain(engine::StepContext& context, host::Host& control_plane) const;
  DrainOptions options_;
};

// The member of etcd at this address, or of the node's name. Errors: unhealthy if etcd has not let it go within a
// minute; an election or a member that has just come back passes sooner.
class LeaveEtcdStep final : public LeaveStep {
 public:
  LeaveEtcdStep(std::string asked, std::string node, std::string ip);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  void leave_quietly(engine::StepContext& context, host::Host& control_plane) const;
  std::string ip_;
};

// The node's object. Errors: unhealthy if the API has not taken it out within a minute.
class ForgetNodeStep final : public LeaveStep {
 public:
  ForgetNodeStep(std::string asked, std::string node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
};

}  // namespace sealift::steps
