// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/head.h"

#include <algorithm>

#include "payload/base/fd.h"

namespace sealift::writer {

Result<void> check_launch(const format::Contents& contents, std::optional<Architecture> launch) {
  if (!launch) return {};
  const auto stub = std::ranges::find(contents.stubs, *launch, &format::Stub::architecture);
  if (stub == contents.stubs.end())
    return fail(ErrorCode::not_found, "the payload holds no program for {} to start with", base::platform(*launch));
  if (stub->object.size > format::kPayloadOffset) {
    return fail(ErrorCode::limit_exceeded, "the program for {} has {} bytes, at most {} are allowed",
                base::platform(*launch), stub->object.size, format::kPayloadOffset);
  }
  return {};
}

Result<void> write_head(const format::PayloadReader& payload, Architecture launch, int fd) {
  const auto& stubs = payload.contents().stubs;
  const auto stub = std::ranges::find(stubs, launch, &format::Stub::architecture);
  uint64_t offset = 0;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    SEALIFT_TRY(base::pwrite_all(fd, offset, data));
    offset += data.size();
    return {};
  });
  return payload.read(stub->object.digest, {}, sink);
}

}  // namespace sealift::writer
