// SPDX-License-Identifier: Apache-2.0
//
// Several artifacts in one (INCLUDE), and without some of what they bring (REMOVE). What two of them have alike is
// there once; what they have differently is a conflict, until a line decides it.
#pragma once

#include "packer/resolve/inputs.h"
#include "packer/resolve/kubefile.h"
#include "packer/resolve/problems.h"

namespace sealift::resolve {

// Adds what an artifact brings (`origin`: its line) to what the ones before have brought. Of labels, the first count.
void merge(format::Contents from, const Origin& origin, Inputs& inputs);

// REMOVE: takes these away from what the lines before have inherited. Problems: invalid_input with the place of each
// name that nothing inherited has.
void remove(const Remove& line, Inputs& inputs, Problems& problems);

// The conflicts that no line has decided: by REMOVE, by an own file, image or variable.
void check_conflicts(const Inputs& inputs, Problems& problems);

// Every image that an inherited application uses is there, or a line has brought it again.
void check_inherited_images(const Inputs& inputs, Problems& problems);

}  // namespace sealift::resolve
