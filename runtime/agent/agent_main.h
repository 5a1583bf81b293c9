// SPDX-License-Identifier: Apache-2.0
//
// The program as an agent: its hidden commands.
#pragma once

#include <string>
#include <vector>

#include "runtime/agent/agent_server.h"

namespace sealift::agent {

// What the arguments after "agent" say.
AgentOptions agent_options(const std::vector<std::string>& arguments);

// An agent over the standard streams, to its end; a host that can't be worked on is told in the protocol. `root`: see
// host::LocalHost. From here on SIGTERM, SIGHUP and SIGINT end the agent in order. Returns an exit code.
int run_agent(const std::string& root, AgentOptions options);

// "agent [--change] [--owner NAME] [--run TOKEN] [--remove]", "agent --self-check" and "job FOLDER".
int agent_main(const std::vector<std::string>& arguments);

}  // namespace sealift::agent
