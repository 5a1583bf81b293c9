// SPDX-License-Identifier: Apache-2.0
//
// Which of an image's platforms a host takes. containerd on the hosts decides that when it pulls, so its rules stand
// here: what is packed must be what is asked for. Source: containerd/platforms 1.0 (Normalize, Only) and
// containerd 2's images.Manifest.
#pragma once

#include <optional>
#include <string>

#include "payload/base/platform.h"

namespace sealift::image {

// As an index or a configuration names it, in containerd's normal form: lower case, "linux" if no system is said,
// "amd64" for x86_64, no variant for amd64/v1 and arm64/v8, "v7" for arm without one.
struct Platform {
  std::string os, architecture, variant;
  bool has_features = false;  // os.features: wants something of the system that our hosts do not offer

  static Platform normalized(std::string os, std::string architecture, std::string variant);
  std::string text() const;  // "linux/amd64/v3"
  bool operator==(const Platform&) const = default;
};

// How far this is from a host's own platform: 0 is its own, more is a platform that it can run too (386 on amd64,
// 32-bit arm on arm64). Nothing if containerd does not take it there: also a variant of its own architecture, whatever
// the CPU.
std::optional<size_t> distance(const Platform& platform, Architecture host);

}  // namespace sealift::image
