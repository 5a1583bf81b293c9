// SPDX-License-Identifier: Apache-2.0
//
// This machine's processes by the programs that they run, and ending them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::host {

// The paths of all programs that run, but for this one (it may run several times). A program that has been removed is
// named by the path that it had.
std::set<std::string> running_programs();

// Whether end_program() would find a process to kill.
bool runs_elsewhere(const std::string& program);
// Kills all processes that run this program: its path, or, without a slash, its file's name. Never this process or one
// that it descends from. Errors: busy if some are still there after ten seconds.
Result<void> end_program(const std::string& program, Clock& clock);

// Kills the processes that are in a control group or below it, and removes it. `path` is below /sys/fs/cgroup; absent
// is fine. Errors: busy as above.
Result<void> end_control_group(const std::string& path, Clock& clock);

}  // namespace sealift::host
