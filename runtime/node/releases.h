// SPDX-License-Identifier: Apache-2.0
//
// What helm's releases must have in the cluster, for the hidden command "node releases" on a control plane: their
// records hold whole charts and the values, and do not leave the host.
#pragma once

#include <string>

#include "payload/base/error.h"

namespace sealift::node {

// Of all releases that stand, as runtime/kube/helm_record.h writes them. Errors: those of kubectl.
Result<std::string> objects_of_releases();

}  // namespace sealift::node
