// SPDX-License-Identifier: Apache-2.0
//
// helm on a control plane, with the admin kubeconfig there.
#pragma once

#include <string>
#include <vector>

#include "runtime/engine/step.h"
#include "runtime/host/host.h"

namespace sealift::steps {

// Of helm itself, whose hooks have the application's own timeout.
inline constexpr Duration kHelmTimeout{300'000};

base::Command helm(std::vector<std::string> arguments, Duration more = Duration{0});

// Waits until the unit in which helm of a run that was killed works on `app` has ended: what it still reads must stay.
// True if there was one. Errors: busy after `deadline`.
Result<bool> wait_for_helm(engine::StepContext& context, const std::string& unit, const std::string& app,
                           Duration deadline);

struct Revision {
  uint64_t number = 0;
  std::string status;            // "deployed", "superseded", "failed" …
  std::string chart;             // "redis-1.2.3"
  std::string description = {};  // "Rollback to 3"
};
// A release's revisions that helm still knows, oldest first. Errors: those of helm; protocol.
Result<std::vector<Revision>> revisions_of(host::HostView& host, const std::string& release,
                                           const std::string& target_namespace, const CancelToken& cancel);

}  // namespace sealift::steps
