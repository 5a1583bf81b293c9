// SPDX-License-Identifier: Apache-2.0
//
// What takes a host out of a cluster again.
#pragma once

#include <vector>

#include "runtime/plans/plan_builder.h"
#include "runtime/steps/hook_step.h"

namespace sealift::plans {

// Undoes on this host what its ledger tells and what the cluster made there: services, containers, networks, files,
// kernel settings, and at last the ledger. Needs no cluster and no other host. `node.name` is only a name. Returns the
// last step. `verify`: the last step fails if anything is left that was not there before. `kept`: steps that stay
// recorded until then.
Index reset_host(PlanBuilder& plan, const steps::Node& node, std::vector<Index> after, bool verify,
                 std::vector<engine::StepId> kept);

// All of these hosts at once. `clears_etcd`: no control plane is left, so what the cluster keeps in the site's etcd
// goes, too, once none of these runs an API server. `source`: of the hooks, which run before anything is undone on a
// host, and before the last step there.
engine::Plan reset(const steps::HookSource& source, const std::vector<steps::Node>& nodes, bool verify,
                   bool clears_etcd);

}  // namespace sealift::plans
