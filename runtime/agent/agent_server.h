// SPDX-License-Identifier: Apache-2.0
//
// The agent's side: answers one launch machine's calls over two descriptors until the stream ends.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/host.h"

namespace sealift::agent {

struct AgentOptions {
  bool changes = false;  // exclusive lock, else shared
  std::string owner;     // the lock's holder, for others to read
  std::string run;       // names one run of the launch machine: its next connection takes over the lock
  std::string lock_folder = "/run/sealift";         // empty: no lock, for tests
  bool remove_self = false, remove_folder = false;  // the program's own file; its folder as well, if that is empty then
  int stop = -1;             // a descriptor: once readable, calls are cancelled and the agent ends in order
  Duration silence{90'000};  // after this long without a frame the launch machine counts as gone
};

// Returns errors of the connection only; errors of calls go to the caller.
Result<void> serve_agent(int in, int out, host::Host& host, const AgentOptions& options);

// Instead of serving: opens the protocol and reports why this host can't be worked on.
Result<void> refuse(int out, const Error& error);

}  // namespace sealift::agent
