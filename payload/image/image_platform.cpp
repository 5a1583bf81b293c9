// SPDX-License-Identifier: Apache-2.0
#include "payload/image/image_platform.h"

#include <algorithm>
#include <array>
#include <span>

#include "payload/base/text.h"

namespace sealift::image {

Platform Platform::normalized(std::string_view os, std::string_view architecture, std::string_view variant) {
  Platform out{base::to_lower(os), base::to_lower(architecture), base::to_lower(variant)};
  if (out.os.empty()) out.os = "linux";
  if (out.architecture == "i386") {
    out.architecture = "386";
    out.variant.clear();
  } else if (out.architecture == "x86_64" || out.architecture == "x86-64" || out.architecture == "amd64") {
    out.architecture = "amd64";
    if (out.variant == "v1") out.variant.clear();
  } else if (out.architecture == "aarch64" || out.architecture == "arm64") {
    out.architecture = "arm64";
    if (out.variant == "8" || out.variant == "v8") out.variant.clear();
  } else if (out.architecture == "armhf" || out.architecture == "armel") {
    out.variant = out.architecture == "armhf" ? "v7" : "v6";
    out.architecture = "arm";
  } else if (out.architecture == "arm") {
    if (out.variant.empty()) out.variant = "7";
    if (!out.variant.starts_with('v')) out.variant.insert(0, "v");
  }
  return out;
}

std::string Platform::text() const {
  std::string out = os + "/" + (architecture.empty() ? "?" : architecture);
  if (!variant.empty()) out += "/" + variant;
  return out;
}

std::optional<size_t> distance(const Platform& platform, Architecture host) {
  struct Step {
    std::string_view architecture, variant;
  };
  constexpr auto kAmd64 = std::to_array<Step>({{"amd64", ""}, {"386", ""}});
  constexpr auto kArm64 =
      std::to_array<Step>({{"arm64", ""}, {"arm", "v8"}, {"arm", "v7"}, {"arm", "v6"}, {"arm", "v5"}});
  const std::span<const Step> steps =
      host == Architecture::amd64 ? std::span<const Step>(kAmd64) : std::span<const Step>(kArm64);
  if (platform.os != "linux" || platform.has_features) return std::nullopt;
  const auto found = std::ranges::find_if(steps, [&](const Step& step) {
    return step.architecture == platform.architecture && step.variant == platform.variant;
  });
  if (found == steps.end()) return std::nullopt;
  return static_cast<size_t>(found - steps.begin());
}

}  // namespace sealift::image
