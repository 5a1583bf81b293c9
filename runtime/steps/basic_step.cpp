// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/basic_step.h"

namespace sealift::steps {

Digest digest_of(std::initializer_list<std::string_view> parts) {
  base::ByteWriter writer;
  for (const auto part : parts) writer.text(part);
  return hash::sha256(writer.data());
}

}  // namespace sealift::steps
