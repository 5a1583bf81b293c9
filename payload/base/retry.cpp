// SPDX-License-Identifier: Apache-2.0
#include "payload/base/retry.h"

#include <algorithm>

namespace sealift::base {

bool may_pass(ErrorCode code) { return code == ErrorCode::unreachable || code == ErrorCode::timeout; }

std::optional<Duration> Retries::next(const Error& error) {
  if (!may_pass(error.code)) return std::nullopt;
  const bool unreachable = error.code == ErrorCode::unreachable;
  const auto& waits = unreachable ? policy_.unreachable : policy_.timeout;
  size_t& used = unreachable ? unreachable_ : timeout_;
  return used < waits.size() ? std::optional(waits[used++]) : std::nullopt;
}

Result<void> pause(Clock& clock, Duration wait, const CancelToken& cancel) {
  constexpr Duration kLook{100};  // how often the token is checked
  for (const Duration until = clock.monotonic() + wait;;) {
    SEALIFT_TRY(cancel.check());
    const Duration left = until - clock.monotonic();
    if (left <= Duration::zero()) return {};
    clock.sleep(std::min(left, kLook));
  }
}

}  // namespace sealift::base
