// SPDX-License-Identifier: Apache-2.0
//
// Templates of host files, checked at the build as the hosts will fill them in.
#pragma once

#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"

namespace sealift::resolve {

// Those that this build adds, by FILE and by base.yaml. A variable that no host will know, and one that is not closed,
// is a problem: invalid_input with file and line.
void check_templates(const Inputs& inputs, const Request& request, Problems& problems);

}  // namespace sealift::resolve
