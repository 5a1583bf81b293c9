// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/engine/step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The graph of all steps of a delivery, and why they wait for each other. Deterministic. `model` and `peers` must
// outlive the plan. Errors: invalid_config (kubeadm documents), not_in_artifact.
Result<engine::Plan> build_plan(const Model& model);

}  // namespace sealift::steps
