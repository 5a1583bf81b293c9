// SPDX-License-Identifier: Apache-2.0
//
// apply, plan, status and kubeconfig: configuration, secrets, state and connections are brought together here, the
// delivery itself is runtime/steps.
#pragma once

#include "payload/base/cancel.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/artifact.h"
#include "runtime/ui/output.h"

namespace sealift::cli {

// What happens goes to `out` (stdout) for apply and to `messages` (stderr) for the others, whose result is what stdout
// is for.
Result<void> run_delivery(const Artifact& artifact, const Arguments& arguments, ui::Output out, ui::Output messages,
                          const CancelToken& cancel);

}  // namespace sealift::cli
