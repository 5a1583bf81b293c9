// SPDX-License-Identifier: Apache-2.0
//
// Findings about the site as a whole that need no host. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/checks/preflight.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// A warning if the cluster would have an even number of control planes with an etcd of its own.
std::optional<checks::Finding> even_control_planes(const steps::Model& model);

// For an artifact that brings no pod network, where none is there.
checks::Finding no_network(const steps::Model& model);

// For each host that would begin or cease to be a registry host, where only an artifact with a base can see to it: the
// host's name.
std::vector<std::string> registry_moves(const steps::Model& model);
// What an artifact without a base says of them; empty if there are none.
std::vector<checks::Finding> unmoved_registry(const steps::Model& model);

}  // namespace sealift::delivery
