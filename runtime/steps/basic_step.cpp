// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/basic_step.h"

namespace sealift::steps {

Digest digest_of(std::initializer_list<std::string_view> parts) {
  base::ByteWriter writer;
  for (const auto part : parts) writer.text(part);
  return hash::sha256(writer.data());
}

Result<bool> exists(host::HostView& host, std::string_view path) {
  return host.stat(std::string(path)).transform([](const auto& status) { return status.has_value(); });
}

}  // namespace sealift::steps
