// SPDX-License-Identifier: Apache-2.0
#include "payload/http/pace.h"

#include "payload/base/text.h"

namespace sealift::http {

std::optional<Pace::Slow> Pace::too_slow() {
  if (waited_ < over_ || waited_ <= Duration{}) return std::nullopt;
  const Slow found{bytes_ * 1000 / static_cast<uint64_t>(waited_.count()), waited_};
  waited_ = {};
  bytes_ = 0;
  return found.rate < slowest_ ? std::optional(found) : std::nullopt;
}

Result<void> PacedSink::write(ByteView data) {
  const Duration now = clock_.monotonic();
  pace_.waited(now - since_.value_or(now));
  pace_.moved(data.size());
  if (const auto slow = pace_.too_slow())
    return fail(ErrorCode::timeout, "{} is too slow: {}/s for {} s, at least {}/s are expected", server_,
                base::human_bytes(slow->rate), slow->over.count() / 1000, base::human_bytes(patience_.slowest));
  SEALIFT_TRY(sink_.write(data));
  since_ = clock_.monotonic();
  return {};
}

}  // namespace sealift::http
