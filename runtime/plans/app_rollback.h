// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/engine/step.h"
#include "runtime/steps/helm.h"
#include "runtime/steps/model.h"

namespace sealift::plans {

// The plan that takes a chart back to a revision; `newest`: its last one. `model` and `app` must outlive it.
engine::Plan rollback_app(const steps::Model& model, const steps::SelectedApp& app, const steps::Revision& revision,
                          uint64_t newest);

}  // namespace sealift::plans
