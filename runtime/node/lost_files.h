// SPDX-License-Identifier: Apache-2.0
//
// What a power cut leaves that no program at the site gets over by itself. A file that was written and not synced may
// have kept its name and lost its bytes. The network plugins keep a file for each sandbox of a pod, never sync it, and
// refuse to take a sandbox away whose file they can't read: its pod would never start again.
#pragma once

#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::node {

// Removes files without bytes, or with none but zeros, under <root>/var/lib/cni, and addresses that are reserved for
// a sandbox whose file is gone with that. To be called while no container runs: at boot. Answers what was removed.
// Errors: of reading folders and of removing; what came before stays removed.
Result<std::vector<std::string>> remove_lost_network_state(const std::string& root);

}  // namespace sealift::node
