// SPDX-License-Identifier: Apache-2.0
//
// An artifact beside the others that the cluster has: what it requires, and what two of them claim differently.
#pragma once

#include <vector>

#include "runtime/checks/preflight.h"
#include "runtime/delivery/delivery.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// Splits what the cluster recorded into this artifact's earlier version and the others.
void take_records(std::vector<host::ArtifactRecord> records, steps::Model& model);

// Findings that block: an application, a helm release, an image name or a file on hosts that another artifact has
// already, differently; a requirement that the cluster does not meet; an artifact without a base that has no name to be
// known by; another product than the one that made the cluster, or an older version than it has, unless that is
// allowed. Errors: those of reading the payload.
Result<std::vector<checks::Finding>> compare_artifacts(const steps::Model& model, const Allowed& allowed);

}  // namespace sealift::delivery
