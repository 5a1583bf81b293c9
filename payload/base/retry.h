// SPDX-License-Identifier: Apache-2.0
//
// Retries: which errors may pass by themselves, and how long to wait. Used around whole operations only (a step, a
// connection to a host, a request to a registry), never inside one: nested retries multiply.
#pragma once

#include <optional>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::base {

// True for `unreachable` and `timeout`. Nothing else is retried.
bool may_pass(ErrorCode code);

// The waits before each further attempt, by the last error.
struct RetryPolicy {
  std::vector<Duration> unreachable, timeout;
};

class Retries {
 public:
  explicit Retries(RetryPolicy policy) : policy_(std::move(policy)) {}
  // The wait before the next attempt; nullopt if the error is final.
  std::optional<Duration> next(const Error& error);

 private:
  RetryPolicy policy_;
  size_t unreachable_ = 0, timeout_ = 0;
};

// Sleeps; returns `cancelled` as soon as the token is.
Result<void> pause(Clock& clock, Duration wait, const CancelToken& cancel);

}  // namespace sealift::base
