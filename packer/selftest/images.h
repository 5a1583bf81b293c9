// SPDX-License-Identifier: Apache-2.0
//
// Whether the images of an artifact are what its table of contents says of them.
#pragma once

#include "packer/resolve/problems.h"
#include "payload/format/reader.h"

namespace sealift::selftest {

// Each leads from its root over its manifests to the layers that the table names, for every platform that the artifact
// has a program for. Problems: invalid_input with the image's name. Returns how many images there are, without what is
// about others. Errors: those of reading the payload.
Result<size_t> check_images(const format::PayloadReader& payload, resolve::Problems& problems);

}  // namespace sealift::selftest
