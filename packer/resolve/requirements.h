// SPDX-License-Identifier: Apache-2.0
//
// REQUIRES: what the cluster must have before the artifact is delivered to it.
#pragma once

#include "packer/resolve/inputs.h"
#include "packer/resolve/kubefile.h"
#include "packer/resolve/problems.h"

namespace sealift::resolve {

// Adds the line's bounds to those that FROM and INCLUDE brought for the same name.
Result<void> require(const Require& line, Inputs& inputs);
// What FROM and INCLUDE bring themselves is not required of the cluster: checked, and taken from the contents. A base
// without Kubernetes that is named only by its REQUIRES stays. Problems: what they bring is another version.
void settle_requirements(Inputs& inputs, Problems& problems);

}  // namespace sealift::resolve
