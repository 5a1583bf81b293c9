// SPDX-License-Identifier: Apache-2.0
//
// apply, plan, status and kubeconfig: combines configuration, secrets, state and connections; the delivery itself is in
// runtime/delivery.
#pragma once

#include "payload/base/cancel.h"
#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/artifact.h"

namespace sealift::cli {

// Events go to `out` (stdout) for apply, and to `messages` (stderr) for the others, which print their result on stdout.
Result<void> run_delivery(const Artifact& artifact, const Arguments& arguments, const console::Output& out,
                          const console::Output& messages, const CancelToken& cancel);

}  // namespace sealift::cli
