// SPDX-License-Identifier: Apache-2.0
//
// The program at an artifact's head, which is one of its own objects.
#pragma once

#include <optional>

#include "payload/format/reader.h"

namespace sealift::writer {

// Without `launch` there is nothing to check. not_found if no program is for that architecture; limit_exceeded.
Result<void> check_launch(const format::Contents& contents, std::optional<Architecture> launch);
// Copies the program to the file's beginning.
Result<void> write_head(const format::PayloadReader& payload, Architecture launch, int fd);

}  // namespace sealift::writer
