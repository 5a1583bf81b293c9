// SPDX-License-Identifier: Apache-2.0
//
// What an update of an application changes, by what the cluster has recorded of the artifact's former version. Pure.
#pragma once

#include <string>

#include "runtime/steps/model.h"

namespace sealift::steps {

// Of an application that is installed with other inputs: "helm chart 1.0.0 → 1.1.0, image quay.io/acme/erp:2". Where
// the artifact has it as it was, the site's settings are what differs.
std::string app_changes(const Model& model, const SelectedApp& app);

}  // namespace sealift::steps
