// SPDX-License-Identifier: Apache-2.0
//
// Where things lie in the store's folder; internal to packer/store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/hash/digest.h"

namespace sealift::store {

inline constexpr std::string_view kSuffix = ".run";

inline std::string artifacts_of(const std::string& folder) { return folder + "/artifacts"; }
inline std::string builds_of(const std::string& folder) { return folder + "/builds"; }
inline std::string lock_of(const std::string& build) { return build + ".lock"; }

// That a file's name in artifacts/ stands for.
inline std::optional<Digest> identity_in(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  auto digest = Digest::from_hex(name.substr(0, name.size() - kSuffix.size()));
  return digest ? std::optional(*digest) : std::nullopt;
}

}  // namespace sealift::store
