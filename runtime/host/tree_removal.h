// SPDX-License-Identifier: Apache-2.0
//
// Removes a path with all that is below it, through descriptors: no symbolic link is followed, and nothing on another
// mount is touched, whoever changes the tree meanwhile.
#pragma once

#include <string>

#include "runtime/host/open_folder.h"

namespace sealift::host {

// The names in an open folder, sorted.
Result<std::vector<std::string>> names_in(int folder, const std::string& path);

// `path` is for messages. If the path itself is a mount point, it is emptied and stays. Absent is fine.
// Errors: busy if a mount is below it, or if somebody keeps writing there; whatever else could be removed is gone then.
Result<void> remove_tree(const Place& place, const std::string& path);

}  // namespace sealift::host
