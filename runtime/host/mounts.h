// SPDX-License-Identifier: Apache-2.0
//
// What is mounted in the calling thread's mount namespace.
#pragma once

#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::host {

struct Mount {
  std::string point, filesystem;
};

// In the order in which they were mounted; a point may be there several times.
Result<std::vector<Mount>> mounts_here();

}  // namespace sealift::host
