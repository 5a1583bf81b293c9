// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "payload/image/reference.h"
#include "runtime/steps/model.h"

namespace sealift::images {

// Where the site's own values name a part of this image: "; see .web.image.tag in cluster.yaml". Empty if they don't.
std::string place_in_values(const steps::SelectedApp& app, const image::Reference& image);

}  // namespace sealift::images
