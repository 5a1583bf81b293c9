// SPDX-License-Identifier: Apache-2.0
//
// A command's last message and its exit code: why it failed, or that some of its output was lost.
#pragma once

#include "payload/base/error.h"
#include "payload/console/output.h"

namespace sealift::cli {

// 0 if the command succeeded and all its output was written. An error goes to `messages` as "error: …", or as JSON to
// `out` (to `messages` if `out` is broken). The command's own error decides the code, else the output's.
int conclude(const Result<void>& done, console::Output out, console::Output messages, bool json);

}  // namespace sealift::cli
