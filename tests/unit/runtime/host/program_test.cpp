// SPDX-License-Identifier: Apache-2.0
//
// The test program is also the agent that it lands on its own sshd: "agent --test-root DIR" serves a host that is
// rooted in a folder, without the lock.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_session.hpp>

#include "runtime/host/agent.h"
#include "runtime/host/local_host.h"

using namespace sealift;

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] != "agent") return Catch::Session().run(argc, argv);
  const auto root = std::ranges::find(arguments, "--test-root");
  if (root == arguments.end()) return host::agent_main(arguments);
  auto local = host::LocalHost::open(*(root + 1), base::system_clock());
  host::AgentOptions options;
  options.take_lock = false;
  return local && host::serve_agent(STDIN_FILENO, STDOUT_FILENO, **local, options) ? 0 : 1;
}
