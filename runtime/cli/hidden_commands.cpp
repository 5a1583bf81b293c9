// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/hidden_commands.h"

#include <unistd.h>

#include "payload/base/error.h"
#include "runtime/host/agent.h"
#include "runtime/ui/output.h"

namespace sealift::cli {

std::optional<int> run_hidden_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  if (arguments[0] == "agent" || arguments[0] == "job") return host::agent_main(arguments);
  if (arguments[0] != "node") return std::nullopt;
  ui::Output(STDERR_FILENO).line("error: " + arguments[0] + " is not in this build yet");
  return base::exit_code(ErrorCode::unsupported);
}

}  // namespace sealift::cli
