// SPDX-License-Identifier: Apache-2.0
//
// Events, plans and outcomes as JSON, one object per line: the output of --log-format json. Keys are only ever added.
#pragma once

#include <string>

#include "payload/base/event.h"
#include "runtime/delivery/delivery.h"

namespace sealift::report {

// {"event":"step_started","host":"w1","level":"info","message":…,"step":"kubeadm.join","time":…}; progress adds done
// and total; empty members are omitted.
std::string to_json(const Event& event);
// {"event":"outcome","status":"complete"|error code,"exit":0,"hosts":[…],"applied":3,"skipped":40,"notes":[…]}
std::string to_json(const delivery::Outcome& outcome);
// {"event":"plan_step","host":…,"step":…,"state":"needed","description":…}
std::string to_json(const delivery::PlanLine& line);
// {"event":"status","subject":…,"state":…,"detail":…,"healthy":true}
std::string to_json(const delivery::StatusLine& line);
// {"event":"error","code":…,"message":…,"exit":…}
std::string to_json(const Error& error);

}  // namespace sealift::report
