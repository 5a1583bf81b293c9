// SPDX-License-Identifier: Apache-2.0
//
// remove and reset: what takes away asks first.
#pragma once

#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/delivery/delivery.h"

namespace sealift::cli {

// The cluster's name must be typed, unless --yes says that this was thought about. Errors: usage without a terminal;
// cancelled for another answer.
Result<void> confirm(const Arguments& arguments, const config::ClusterConfig& cluster, const CancelToken& cancel);

// Errors: those of delivery::remove and delivery::reset.
Result<delivery::Outcome> remove_or_reset(delivery::Input& input, const Arguments& arguments);

}  // namespace sealift::cli
