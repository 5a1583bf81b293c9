// SPDX-License-Identifier: Apache-2.0
//
// The agent's side: answers the calls of one launch machine over two descriptors until the stream ends.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/host.h"

namespace sealift::host {

struct AgentOptions {
  bool changes = false;  // an exclusive lock; else a shared one
  std::string owner;     // who holds the lock, for others to read
  std::string run;        // names one run of the launch machine: its next connection takes the lock over
  std::string lock_folder = "/run/sealift";  // empty: no lock, for tests
  bool remove_self = false;
  Duration silence{90'000};  // without a frame for so long the launch machine counts as gone
};

// Errors of the connection only; those of calls go to the caller.
Result<void> serve_agent(int in, int out, Host& host, const AgentOptions& options);

// What the arguments after "agent" say.
AgentOptions agent_options(const std::vector<std::string>& arguments);

// An agent over the standard streams, to its end; a host that can't be worked on is told in the protocol. `root`: see
// LocalHost. Returns an exit code.
int run_agent(const std::string& root, const AgentOptions& options);

// The hidden commands of the program: "agent [--change] [--owner NAME] [--run TOKEN] [--remove]",
// "agent --self-check" and "job FOLDER".
int agent_main(const std::vector<std::string>& arguments);

}  // namespace sealift::host
