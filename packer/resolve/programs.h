// SPDX-License-Identifier: Apache-2.0
//
// The programs for the hosts that stand at the artifact's head, one for each platform.
#pragma once

#include <optional>
#include <vector>

#include "packer/resolve/inputs.h"

namespace sealift::resolve {

// That of a program's ELF header; nullopt for any other file. `head`: at least the first kProgramHead bytes.
inline constexpr size_t kProgramHead = 20;
std::optional<Architecture> architecture_of_program(ByteView head);

// Those of the request, known by their ELF headers. Errors: not_found if a platform has none; invalid_input for a file
// that is no program.
Result<std::vector<ProgramInput>> find_programs(const Request& request);

}  // namespace sealift::resolve
