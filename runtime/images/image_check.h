// SPDX-License-Identifier: Apache-2.0
//
// Whether the artifact has every image that the site's applications will ask for. What the factory proved for the sets
// of values that it knew is proved again for the values of this site. Touches no host.
#pragma once

#include <vector>

#include "runtime/checks/preflight.h"
#include "runtime/images/chart_renderer.h"
#include "runtime/steps/model.h"

namespace sealift::images {

// Renders the selected charts with the site's values. A finding for each chart that can't be rendered and for each
// image that the artifact lacks, with application, object and the place in the site's values. Errors: cancelled; a
// damaged artifact.
Result<std::vector<checks::Finding>> check_images(const steps::Model& model, ChartRenderer& renderer,
                                                  const CancelToken& cancel);

// Whether check_images looks at an application: plain manifests have been looked at when they were packed, as long as
// the site does not change them.
bool is_checked(const steps::SelectedApp& app);

}  // namespace sealift::images
