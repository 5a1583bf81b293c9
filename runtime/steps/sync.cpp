// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/sync.h"

#include "payload/base/text.h"

namespace sealift::steps {

std::vector<std::string> written_paths(const Node& node) {
  return {"/",
          "/etc/kubernetes",
          "/opt/cni",
          "/usr/local/bin",
          "/var/lib/cni",
          "/var/lib/containerd",
          "/var/lib/etcd",
          "/var/lib/kubelet",
          node.config.data_root};
}

SyncStep::SyncStep(const Node& node)
    : BasicStep("host.sync", "flush everything to disk", digest_of({base::join(written_paths(node), "\n")})),
      paths_(written_paths(node)) {}

Result<engine::StepState> SyncStep::check(const engine::LookContext& context) {
  return context.host.synced().transform(
      [](bool synced) { return synced ? engine::StepState::done : engine::StepState::needed; });
}

Result<void> SyncStep::apply(engine::StepContext& context) { return context.host.sync(paths_, reason()); }

}  // namespace sealift::steps
