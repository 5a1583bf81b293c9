// SPDX-License-Identifier: Apache-2.0
//
// Events and errors as JSON, one object per line: the output of --log-format json. Keys are only ever added.
#pragma once

#include <string>

#include "payload/base/error.h"
#include "payload/base/event.h"

namespace sealift::console {

// {"event":"step_started","host":"w1","level":"info","message":…,"step":"kubeadm.join","time":…}; progress adds done
// and total; empty members are omitted.
std::string to_json(const Event& event);
// {"event":"error","code":…,"message":…,"exit":…}
std::string to_json(const Error& error);

}  // namespace sealift::console
