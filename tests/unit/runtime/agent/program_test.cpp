// SPDX-License-Identifier: Apache-2.0
//
// The test program is also the agent that it lands on its own sshd: "agent --test-root DIR" serves a host rooted in a
// folder, --test-lock DIR takes a lock there.
#include <algorithm>
#include <catch2/catch_session.hpp>

#include "runtime/agent/agent_main.h"

using namespace sealift;

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || (arguments[0] != "agent" && arguments[0] != "job")) return Catch::Session().run(argc, argv);
  const auto root = std::ranges::find(arguments, "--test-root");
  if (root == arguments.end()) return agent::agent_main(arguments);
  auto options = agent::agent_options(arguments);
  const auto lock = std::ranges::find(arguments, "--test-lock");
  options.lock_folder = lock == arguments.end() ? "" : *(lock + 1);
  return agent::run_agent(*(root + 1), options);
}
