// SPDX-License-Identifier: Apache-2.0
#include "payload/base/secret.h"

#include <cstring>

namespace sealift::base {

void Secret::wipe() {
  // explicit_bzero is not optimised away; the whole capacity is wiped, since the string may have shrunk.
  // Also of one that was moved from: a short string leaves its bytes behind.
  value_.resize(value_.capacity());
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

}  // namespace sealift::base
