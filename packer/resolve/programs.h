// SPDX-License-Identifier: Apache-2.0
//
// The programs for the hosts that stand at the artifact's head, one for each platform.
#pragma once

#include <vector>

#include "packer/resolve/inputs.h"

namespace sealift::resolve {

// Those of the request, known by their ELF headers. Errors: not_found if a platform has none; invalid_input for a file
// that is no program.
Result<std::vector<ProgramInput>> find_programs(const Request& request);

}  // namespace sealift::resolve
