// SPDX-License-Identifier: Apache-2.0
#include "payload/base/address.h"

#include <format>

namespace sealift::base {

std::string bracketed(std::string_view address) {
  return address.contains(':') ? std::format("[{}]", address) : std::string(address);
}

}  // namespace sealift::base
