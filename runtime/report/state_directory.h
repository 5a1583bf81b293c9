// SPDX-License-Identifier: Apache-2.0
//
// Where the launch machine keeps the files of one cluster: the journal, the lock and the SSH host keys accepted on
// request. Nothing in it decides anything; runtime/OPERATIONS.md lists every file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "payload/base/error.h"

namespace sealift::report {

// The folder's path: `chosen` (--state) as given, else $XDG_STATE_HOME or ~/.local/state, plus sealift/<cluster>.
// Errors: `usage` with the remedy if no home is known.
Result<std::string> state_path(const std::optional<std::string>& chosen, const std::string& cluster,
                               const std::map<std::string, std::string>& environment);

// Makes it (0700) with its parents and checks that it is writable and belongs to this user.
Result<void> make_state_directory(const std::string& path);

}  // namespace sealift::report
