// SPDX-License-Identifier: Apache-2.0
//
// How large helm's record of a release becomes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::sources {

// helm keeps it in a Secret, and a Secret holds no more bytes than this.
inline constexpr uint64_t kMaxReleaseSize = uint64_t{1} << 20;

// In bytes: the chart's own files (not those of its dependencies) and what it renders, in gzip and base64, right to a
// few percent. `chart`: its folder or its archive. What is surely small enough is not compressed: then it is 0. So is
// it for a folder with .helmignore, of which nobody but helm knows what it reads. Errors: those of reading. Source:
// helm 3, pkg/storage/driver/util.go encodeRelease; pkg/chart/chart.go (dependencies are not serialised).
Result<uint64_t> release_size(const std::string& chart, std::string_view rendered);

}  // namespace sealift::sources
