// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "payload/base/clock.h"

namespace sealift::base {

// "90s", "10m", "1h30m": as people write it, at least a second and at most thirty days. Nothing if it is not that.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace sealift::base
