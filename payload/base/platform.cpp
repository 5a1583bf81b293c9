// SPDX-License-Identifier: Apache-2.0
#include "payload/base/platform.h"

namespace sealift::base {

std::string_view name(Architecture architecture) { return architecture == Architecture::amd64 ? "amd64" : "arm64"; }

std::string_view platform(Architecture architecture) {
  return architecture == Architecture::amd64 ? "linux/amd64" : "linux/arm64";
}

std::optional<Architecture> parse_architecture(std::string_view text) {
  if (text.starts_with("linux/")) text.remove_prefix(6);
  if (text == "amd64" || text == "x86_64") return Architecture::amd64;
  if (text == "arm64" || text == "aarch64" || text == "arm64/v8") return Architecture::arm64;
  return std::nullopt;
}

Architecture own_architecture() {
#if defined(__x86_64__)
  return Architecture::amd64;
#elif defined(__aarch64__)
  return Architecture::arm64;
#else
#error "Sealift is made for x86_64 and aarch64"
#endif
}

}  // namespace sealift::base
