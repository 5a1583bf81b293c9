// SPDX-License-Identifier: Apache-2.0
//
// APP lines that name several charts: each chart is an application of its own, and the line's name stands for all.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/build_context.h"
#include "packer/resolve/inputs.h"
#include "packer/resolve/kubefile.h"

namespace sealift::resolve {

// The lines that this one stands for: "APP shop local://web local://worker" for shop-web and shop-worker, after the
// names of the charts. Only the line itself if it does not name several charts and nothing else. Errors: invalid_input
// with the place, for a chart that can't be read and for names that clash or can't be.
Result<std::vector<AddApp>> parts_of(const AddApp& line, BuildContext& context);

// Puts the names of applications in the place of those that stand for several, in NEEDS and LAUNCH.
void name_parts(Inputs& inputs);

}  // namespace sealift::resolve
