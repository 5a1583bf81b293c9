// SPDX-License-Identifier: Apache-2.0
//
// A program of the site (kind Hook of cluster.yaml) on one host: laid there, run as a transient unit of systemd, and
// taken away again. What comes to it on its standard input lies in /run (memory), only until it has been opened.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// "before hosts", "after app/redis"
std::string moment_of(const config::HookConfig& hook);

// What hooks are made of; both outlive the steps.
struct HookSource {
  const config::ClusterConfig& config;
  const format::PayloadReader& payload;
};

// Done once it has ended with 0 here, until program, arguments, input or moment change; unless it is for every run.
// Errors of apply(): command_failed with the last lines that it printed, also if its time was over. What it printed (at
// most 16 KiB, the end of it) is an event of level debug; parts of its input are not shown.
class HookStep final : public BasicStep {
 public:
  // `node`: where it runs, whichever host the step is planned for. `leaving`: of a removal, the node that leaves, if
  // that is another.
  HookStep(const HookSource& source, const config::HookConfig& hook, Node node, std::string leaving = {});
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> is_running(host::HostView& host) const;
  Result<void> lay(engine::StepContext& context, host::Host& host) const;
  Result<void> take_away(host::Host& host) const;
  base::Command command() const;
  Result<void> judge(engine::StepContext& context, Result<base::ExitStatus> ended) const;

  const HookSource source_;
  const config::HookConfig& hook_;
  const Node node_;
  const std::string leaving_;
  const std::string program_, folder_, unit_;  // on the host
};

// "hook.backup"; with a node that leaves "hook.backup.w1".
engine::StepId hook_step(const config::HookConfig& hook, const std::string& leaving = {});

// That the hooks of a delivery fit the artifact. `elsewhere`: as for select_apps. Errors: invalid_config,
// not_in_artifact, with the place in cluster.yaml.
Result<void> check_hooks(const format::Contents& contents, const config::ClusterConfig& config,
                         const std::vector<SelectedApp>& apps, const IsElsewhere& elsewhere);
// The same for those of a removal or a reset.
Result<void> check_hooks(const format::Contents& contents, const config::ClusterConfig& config,
                         config::HookConfig::Phase phase);

}  // namespace sealift::steps
