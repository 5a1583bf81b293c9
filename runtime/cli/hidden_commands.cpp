// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/hidden_commands.h"

#include "runtime/agent/agent_main.h"
#include "runtime/node/node_main.h"

namespace sealift::cli {

std::optional<int> run_hidden_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  if (arguments[0] == "agent" || arguments[0] == "job") return agent::agent_main(arguments);
  if (arguments[0] != "node") return std::nullopt;
  return node::node_main({arguments.begin() + 1, arguments.end()});
}

}  // namespace sealift::cli
