// SPDX-License-Identifier: Apache-2.0
//
// What of a control plane is down, found without its API: for people who ask while nothing answers, so it takes
// seconds.
#pragma once

#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct ControlPlaneState {
  bool api_answers = false;
  std::vector<StatusLine> down;  // one a thing that is not as it should be
};

// `name` is for messages. Asks the API server for at most three seconds, and systemd for the units that a control plane
// lives on. Errors: only that the host itself gives no answer, or `cancelled`.
Result<ControlPlaneState> look_at_state(host::HostView& host, const std::string& name, const CancelToken& cancel);

// The line of an API server that does not answer, with the last thing that was said about it.
StatusLine api_down(const std::string& name, const Error& error);

}  // namespace sealift::delivery
