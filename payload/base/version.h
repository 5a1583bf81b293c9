// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sealift::base {

// Of both programs and of the agent's protocol: the agent is always the caller's own version.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace sealift::base
