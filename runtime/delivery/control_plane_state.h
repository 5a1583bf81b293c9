// SPDX-License-Identifier: Apache-2.0
//
// Which parts of a control plane are down, found without its API: for people who ask while nothing answers, so it takes
// only seconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct ControlPlaneState {
  bool api_answers = false;
  std::vector<StatusLine> down;  // one for each unhealthy part
};

// `name` is for messages. Asks the API server for at most three seconds, and systemd about the units that a control
// plane needs. Errors: only if the host itself does not answer, or `cancelled`.
Result<ControlPlaneState> look_at_state(host::HostView& host, const std::string& name,
                                        const config::ClusterConfig& config, const CancelToken& cancel);

// The line for an API server that does not answer, with its last error.
StatusLine api_down(const std::string& name, const Error& error);

}  // namespace sealift::delivery
