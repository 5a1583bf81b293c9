// SPDX-License-Identifier: Apache-2.0
//
// Damage from a power cut that no program at the site repairs by itself. A file that was written but not synced may
// keep its name and lose its bytes. CNI plugins keep an unsynced file for each pod sandbox and refuse to remove a
// sandbox whose file they can't read: its pod would never start again.
#pragma once

#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::node {

// Removes files that are empty or all zeros under <root>/var/lib/cni, and address reservations of sandboxes whose file
// is lost with that. Call it while no container runs: at boot. Returns what was removed. Errors: of reading folders and
// of removing; what was removed before stays removed.
Result<std::vector<std::string>> remove_lost_network_state(const std::string& root);

}  // namespace sealift::node
