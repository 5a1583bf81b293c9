// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace sealift::format {

// Largest accepted file of a chart or of manifests.
inline constexpr size_t kMaxAppFile = size_t{4} << 20;

}  // namespace sealift::format
