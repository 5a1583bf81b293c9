// SPDX-License-Identifier: Apache-2.0
//
// The agent's side: answers the calls of one launch machine over two descriptors until the stream ends.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/host.h"

namespace sealift::agent {

struct AgentOptions {
  bool changes = false;  // an exclusive lock; else a shared one
  std::string owner;     // who holds the lock, for others to read
  std::string run;       // names one run of the launch machine: its next connection takes the lock over
  std::string lock_folder = "/run/sealift";  // empty: no lock, for tests
  bool remove_self = false;
  int stop = -1;             // a descriptor: once it can be read, calls are cancelled and the agent ends in order
  Duration silence{90'000};  // without a frame for so long the launch machine counts as gone
};

// Errors of the connection only; those of calls go to the caller.
Result<void> serve_agent(int in, int out, host::Host& host, const AgentOptions& options);

// Instead of serving: the protocol's first words, with the reason why this host can't be worked on.
Result<void> refuse(int out, const Error& error);

}  // namespace sealift::agent
