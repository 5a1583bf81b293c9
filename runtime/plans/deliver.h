// SPDX-License-Identifier: Apache-2.0
//
// The plan of a delivery: from machines to a cluster with its applications, however much of it exists already; or the
// applications of an artifact that makes no cluster, onto one that is there.
#pragma once

#include <optional>

#include "runtime/engine/step.h"
#include "runtime/steps/authority_change.h"
#include "runtime/steps/model.h"

namespace sealift::plans {

// Deterministic. `model` must outlive the plan and have a control plane. Errors: invalid_config (kubeadm documents),
// not_in_artifact. `change`: the authority of the node services changes, too.
Result<engine::Plan> deliver(const steps::Model& model, const std::optional<steps::AuthorityChange>& change = {});
// Of one without a base; onto a cluster that Sealift did not make it brings the node services, too, and only then
// `change` is anything.
Result<engine::Plan> deliver_applications(const steps::Model& model,
                                          const std::optional<steps::AuthorityChange>& change = {});
// The same, of which nodes that stand already get only what a newcomer makes necessary there: the lists of control
// planes and registry hosts. Nothing of applications.
Result<engine::Plan> join(const steps::Model& model);

}  // namespace sealift::plans
