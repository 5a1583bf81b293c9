// SPDX-License-Identifier: Apache-2.0
//
// A payload being written into a file at an offset.
#pragma once

#include "payload/base/fd.h"
#include "payload/base/file.h"

namespace sealift::writer {

struct Target {
  int fd = -1;
  uint64_t payload_offset = 0;

  // `offset` is the payload's. Any thread.
  Result<void> put(base::FileOffset offset, ByteView data) const {
    auto done = base::pwrite_all(fd, payload_offset + offset, data);
    if (!done) return fail_while(std::move(done).error(), "writing the payload");
    return {};
  }
};

}  // namespace sealift::writer
