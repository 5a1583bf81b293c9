// SPDX-License-Identifier: Apache-2.0
#include "payload/base/address.h"

#include "payload/base/format.h"

namespace sealift::base {

std::string bracketed(std::string_view address) {
  return address.contains(':') ? base::format("[{}]", address) : std::string(address);
}

}  // namespace sealift::base
