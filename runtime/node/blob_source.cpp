// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/blob_source.h"

namespace sealift::node {

Result<format::ByteRange> within(const BlobInfo& blob, format::ByteRange range) {
  if (range.offset <= blob.size) {
    const uint64_t left = blob.size - range.offset;
    if (range.size == UINT64_MAX) range.size = left;
    if (range.size <= left) return range;
  }
  return fail(ErrorCode::invalid_input, "bytes {}+{} of {} were asked for, which has {}", range.offset, range.size,
              blob.digest.text(), blob.size);
}

}  // namespace sealift::node
