// SPDX-License-Identifier: Apache-2.0
//
// Findings about the site as a whole that need no host. Pure.
#pragma once

#include <optional>

#include "runtime/checks/preflight.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// A warning if the cluster would have an even number of control planes with an etcd of its own.
std::optional<checks::Finding> even_control_planes(const steps::Model& model);

// For an artifact that brings no pod network, where none is there.
checks::Finding no_network(const steps::Model& model);

}  // namespace sealift::delivery
