// SPDX-License-Identifier: Apache-2.0
//
// remove, rollback and reset: what takes away asks first.
#pragma once

#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/delivery/delivery.h"

namespace sealift::cli {

// Whether a command asks before it begins.
bool takes_away(Verb verb);

// The cluster's name must be typed, unless --yes says that this was thought about. Errors: usage without a terminal;
// cancelled for another answer.
Result<void> confirm(const Arguments& arguments, const config::ClusterConfig& cluster, const CancelToken& cancel);

// Errors: those of the delivery's function.
Result<delivery::Outcome> undo(delivery::Input& input, const Arguments& arguments);

}  // namespace sealift::cli
