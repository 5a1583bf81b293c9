// SPDX-License-Identifier: Apache-2.0
#include "payload/http/pace.h"

#include "payload/base/text.h"

namespace sealift::http {

Result<void> PacedSink::write(ByteView data) {
  const Duration now = clock_.monotonic();
  waited_ += now - since_.value_or(now);
  bytes_ += data.size();
  if (waited_ >= patience_.slow_for) {
    const auto milliseconds = static_cast<uint64_t>(waited_.count());
    if (bytes_ * 1000 < patience_.slowest * milliseconds)
      return fail(ErrorCode::timeout, "{} is too slow: {}/s for {} s, at least {}/s are expected", server_,
                  base::human_bytes(bytes_ * 1000 / milliseconds), milliseconds / 1000,
                  base::human_bytes(patience_.slowest));
    waited_ = {};
    bytes_ = 0;
  }
  SEALIFT_TRY(sink_.write(data));
  since_ = clock_.monotonic();
  return {};
}

}  // namespace sealift::http
