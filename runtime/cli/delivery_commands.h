// SPDX-License-Identifier: Apache-2.0
//
// apply, plan, status and kubeconfig: configuration, secrets, state and connections are brought together here, the
// delivery itself is runtime/steps.
#pragma once

#include "payload/base/cancel.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/artifact.h"

namespace sealift::cli {

// What happens goes to stdout for apply and to stderr for the others, whose result is what stdout is for.
Result<void> run_delivery(const Artifact& artifact, const Arguments& arguments, const CancelToken& cancel);

}  // namespace sealift::cli
