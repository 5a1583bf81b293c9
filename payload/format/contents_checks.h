// SPDX-License-Identifier: Apache-2.0
//
// What holds between the parts of contents (FORMAT.md, section 6): names resolve, none stands twice, no path is a file
// and a folder. Internal to payload/format.
#pragma once

#include "payload/format/contents.h"

namespace sealift::format {

// Errors: corrupt.
Result<void> check_names(const Contents& contents);

}  // namespace sealift::format
