// SPDX-License-Identifier: Apache-2.0
//
// Platforms as OCI spells them: "linux/amd64", "linux/arm64". Sealift knows only these two.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sealift::base {

enum class Architecture { amd64, arm64 };

std::string_view name(Architecture architecture);      // "amd64"
std::string_view platform(Architecture architecture);  // "linux/amd64"
// "amd64", "linux/amd64", "x86_64", "aarch64", "arm64"
std::optional<Architecture> parse_architecture(std::string_view text);
// The architecture of this program.
Architecture own_architecture();

}  // namespace sealift::base

namespace sealift {
using base::Architecture;
}  // namespace sealift
