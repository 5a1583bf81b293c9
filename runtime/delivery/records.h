// SPDX-License-Identifier: Apache-2.0
//
// What a cluster has recorded of its deliveries. Questions only, to the first control plane that can answer.
#pragma once

#include <vector>

#include "runtime/delivery/delivery.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/history.h"

namespace sealift::delivery {

// Each artifact with its applications; the one that made the cluster first. Errors: not_found if there is no cluster.
Result<std::vector<host::ArtifactRecord>> delivered_artifacts(Input& input);

// Newest first; empty if nothing was delivered since clusters keep it. Errors: those of kubectl.
Result<std::vector<steps::HistoryEntry>> history(Input& input);

}  // namespace sealift::delivery
