// SPDX-License-Identifier: Apache-2.0
//
// Brings the hosts of cluster.yaml that are no nodes yet into the cluster, and nothing else. Which ones these are, a
// control plane tells: nodes that stand are not contacted, unless a control plane joins, which all of them must know.
#pragma once

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

// Errors as for apply and plan; not_found if there is no cluster yet; preflight if the artifact is not the one that the
// cluster has.
Result<Outcome> join(Input& input);
Result<PlanOutcome> plan_join(Input& input);

}  // namespace sealift::delivery
