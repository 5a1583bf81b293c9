// SPDX-License-Identifier: Apache-2.0
//
// Where the launch machine keeps what belongs to one cluster: the journal, the lock and SSH host keys accepted on
// request. Nothing in it decides anything; runtime/OPERATIONS.md lists every file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "payload/base/error.h"

namespace sealift::report {

// The folder's path: `chosen` (--state) as it is, else $XDG_STATE_HOME or ~/.local/state, then sealift/<cluster>.
// Error `usage` with the remedy if no home is known.
Result<std::string> state_path(const std::optional<std::string>& chosen, const std::string& cluster,
                               const std::map<std::string, std::string>& environment);

// Makes it (0700) with its parents and checks that it can be written and belongs to this user.
Result<void> make_state_directory(const std::string& path);

}  // namespace sealift::report
