// SPDX-License-Identifier: Apache-2.0
//
// API versions that Kubernetes has removed or deprecated: what was written for an older cluster is refused by a newer
// one.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sealift::resolve {

struct OldApi {
  std::string_view api_version;  // "policy/v1beta1"
  std::string_view kind;         // empty: all kinds of this version
  int deprecated;                // in Kubernetes 1.N
  int removed;                   // in Kubernetes 1.N; 0: still there
  std::string_view instead;      // "policy/v1", or a sentence if nothing takes its place
};

std::span<const OldApi> old_apis();

// Nothing for what was never deprecated, also what Kubernetes does not know.
const OldApi* find_old_api(std::string_view api_version, std::string_view kind);

// 34 of "v1.34.4" and "1.34"; nothing for what is no version of Kubernetes 1.
std::optional<int> minor_of(std::string_view version);

}  // namespace sealift::resolve
