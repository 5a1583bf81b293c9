// SPDX-License-Identifier: Apache-2.0
//
// Outcomes, plans and states as JSON, one object per line, beside the events of console::to_json(). Keys are only ever
// added.
#pragma once

#include <string>

#include "runtime/delivery/delivery.h"

namespace sealift::report {

// {"event":"outcome","status":"complete"|error code,"exit":0,"hosts":[…],"applied":3,"skipped":40,"notes":[…]}
std::string to_json(const delivery::Outcome& outcome);
// {"event":"plan_step","host":…,"step":…,"state":"needed","description":…}
std::string to_json(const delivery::PlanLine& line);
// {"event":"status","subject":…,"state":…,"detail":…,"healthy":true}
std::string to_json(const delivery::StatusLine& line);

}  // namespace sealift::report
