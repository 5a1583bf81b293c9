// SPDX-License-Identifier: Apache-2.0
//
// What an artifact says about the images that its applications name.
#pragma once

#include <string_view>

#include "payload/format/contents.h"
#include "payload/image/reference.h"

namespace sealift::charts {

// Whether a packed image answers for text that is no full name: "proxyv2" is docker.io/istio/proxyv2:1.30.
bool answers_for(const image::Reference& packed, std::string_view text);

// The IGNORE-IMAGE line whose pattern the text is like, if any.
const format::IgnoredImage* ignoring(const format::Contents& contents, std::string_view text);

}  // namespace sealift::charts
