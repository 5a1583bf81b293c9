// SPDX-License-Identifier: Apache-2.0
//
// Starts a hook's program in place of this one, with its input: a unit of systemd gives its program none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::node {

struct HookProgram {
  std::string program;
  std::optional<std::string> input;  // a file, removed as soon as it is open; none: /dev/null
  std::vector<std::string> arguments;
};

// "--program P [--input F] -- ARGUMENT…". Errors: usage.
Result<HookProgram> hook_program_of(const std::vector<std::string>& words);

// Returns only if it could not be started.
Error start_hook(const HookProgram& hook);

}  // namespace sealift::node
