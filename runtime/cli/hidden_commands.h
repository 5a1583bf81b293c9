// SPDX-License-Identifier: Apache-2.0
//
// The program's commands on hosts: agent of an operation, and node service. Started by Sealift itself and by its units,
// never typed by people, so no help mentions them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sealift::cli {

// Returns an exit code if `arguments` begin with a hidden command: "agent …" and "job …" (runtime/agent/agent_main.h),
// "node …" (runtime/node/node_main.h).
std::optional<int> run_hidden_command(const std::vector<std::string>& arguments);

}  // namespace sealift::cli
