// SPDX-License-Identifier: Apache-2.0
//
// The agent's commands, hidden from users.
#pragma once

#include <string>
#include <vector>

#include "runtime/agent/agent_server.h"

namespace sealift::agent {

// The options after "agent".
AgentOptions agent_options(const std::vector<std::string>& arguments);

// Serves one connection over standard input and output until it ends; if the host can't be worked on, the protocol
// reports why. `root`: see host::LocalHost. From this call on SIGTERM, SIGHUP and SIGINT end the agent in order.
// Returns an exit code.
int run_agent(const std::string& root, AgentOptions options);

// "agent [--change] [--owner NAME] [--run TOKEN] [--remove]", "agent --self-check" and "job FOLDER".
int agent_main(const std::vector<std::string>& arguments);

}  // namespace sealift::agent
