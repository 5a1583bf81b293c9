// SPDX-License-Identifier: Apache-2.0
//
// apply, plan, status and kubeconfig: combines configuration, secrets, state and connections; the delivery itself is in
// runtime/delivery.
#pragma once

#include "payload/base/cancel.h"
#include "payload/console/output.h"
#include "runtime/cli/arguments.h"

namespace sealift::cli {

// Events go to `out` (stdout) for apply, and to `messages` (stderr) for the others, which print their result on stdout.
// The configuration is read before the artifact, since it may demand a certain one.
Result<void> run_delivery(const Arguments& arguments, const console::Output& out, const console::Output& messages,
                          const CancelToken& cancel);

}  // namespace sealift::cli
