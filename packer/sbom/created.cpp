// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "packer/sbom/documents.h"
#include "payload/base/text.h"

namespace sealift::sbom {

Result<Created> created_by_environment() {
  constexpr uint64_t kMost = 253'402'300'799;           // 9999-12-31T23:59:59Z
  const char* text = std::getenv("SOURCE_DATE_EPOCH");  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  if (text == nullptr || *text == '\0') return Created{};
  const auto seconds = base::parse_u64(text);
  if (seconds && *seconds <= kMost)
    return Created(std::chrono::sys_seconds(std::chrono::seconds(static_cast<int64_t>(*seconds))));
  return fail(ErrorCode::usage, "SOURCE_DATE_EPOCH={}: it has to be a number of seconds since 1970",
              base::printable(text));
}

}  // namespace sealift::sbom
