// SPDX-License-Identifier: Apache-2.0
//
// The last word of a command and its exit code: why it failed, and that what it printed did not all arrive.
#pragma once

#include "payload/base/error.h"
#include "runtime/ui/output.h"

namespace sealift::cli {

// 0 if the command is done and all its output was written. An error goes to `messages` as "error: …", as JSON to `out`;
// if `out` is broken to `messages` all the same. The command's own error decides the code, else the one of the output.
int conclude(const Result<void>& done, ui::Output out, ui::Output messages, bool json);

}  // namespace sealift::cli
