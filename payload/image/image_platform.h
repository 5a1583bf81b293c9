// SPDX-License-Identifier: Apache-2.0
//
// Which of an image's platforms a host uses. containerd on the hosts decides that when it pulls, so its rules are
// repeated here: what is packed must be what it requests. Source: containerd/platforms 1.0 (Normalize, Only) and
// containerd 2's images.Manifest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/base/platform.h"

namespace sealift::image {

// As in an index or a configuration, in containerd's normal form: lower case, "linux" if no system is given, "amd64"
// for x86_64, no variant for amd64/v1 and arm64/v8, "v7" for arm without one.
struct Platform {
  std::string os, architecture, variant;
  bool has_features = false;  // os.features: requires system features that our hosts lack

  static Platform normalized(std::string_view os, std::string_view architecture, std::string_view variant);
  std::string text() const;  // "linux/amd64/v3"
  bool operator==(const Platform&) const = default;
};

// Distance from a host's own platform: 0 is its own; more is another platform that it can run (386 on amd64, 32-bit arm
// on arm64). nullopt if containerd does not accept it there, which includes variants of the host's own architecture,
// whatever the CPU.
std::optional<size_t> distance(const Platform& platform, Architecture host);

}  // namespace sealift::image
