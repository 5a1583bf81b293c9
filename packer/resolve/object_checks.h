// SPDX-License-Identifier: Apache-2.0
//
// Checks an application's objects as the API server and kubectl will, apart from their images: API versions, sizes,
// names, objects that stand twice.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "payload/charts/inspection.h"

namespace sealift::resolve {

// `streams`: what was read of the application: its manifests, or each rendering of its chart. `version`: of Kubernetes,
// if it is known. Problems are invalid_input with the object's place; what may turn out well is a warning.
void check_objects(const Inputs& inputs, const AppInput& app, std::span<const charts::Inspector> streams,
                   const std::optional<std::string>& version, Problems& problems, EventSink& events);

}  // namespace sealift::resolve
