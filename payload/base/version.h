// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sealift::base {

// Of both programs and of the agent's protocol: the agent always has its caller's version.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace sealift::base
