// SPDX-License-Identifier: Apache-2.0
//
// Takes applications out of a running cluster.
#pragma once

#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct RemoveAppsOptions {
  std::vector<std::string> names;  // of applications, or of APP lines that brought several; one that stands twice
                                   // counts once
  bool with_data = false;          // their claims, and definitions of kinds, too
};

// One that is not installed is a note. A removal that was cut is finished by the same call. Errors before anything is
// changed: not_found for a name that nobody knows; preflight for the pod network, and for what another application
// needs that stays; unsupported for one that an earlier version recorded, of an artifact that is not in hand;
// unreachable if not every control plane answers.
Result<Outcome> remove_apps(Input& input, const RemoveAppsOptions& options);

}  // namespace sealift::delivery
