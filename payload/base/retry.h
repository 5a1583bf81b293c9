// SPDX-License-Identifier: Apache-2.0
//
// Trying again: what may pass by itself, and how long to wait before. Used where an operation is whole (a step, a
// connection to a host, a request to a registry), never on the way there: retries inside retries multiply.
#pragma once

#include <optional>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::base {

// True for `unreachable` and `timeout`. Nothing else is tried twice.
bool may_pass(ErrorCode code);

// The waits before each further attempt, by what the last one failed with.
struct RetryPolicy {
  std::vector<Duration> unreachable, timeout;
};

class Retries {
 public:
  explicit Retries(RetryPolicy policy) : policy_(std::move(policy)) {}
  // How long to wait before the next attempt; nothing if the error is final.
  std::optional<Duration> next(const Error& error);

 private:
  RetryPolicy policy_;
  size_t unreachable_ = 0, timeout_ = 0;
};

// Sleeps; `cancelled` as soon as that is so.
Result<void> pause(Clock& clock, Duration wait, const CancelToken& cancel);

}  // namespace sealift::base
