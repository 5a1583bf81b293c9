// SPDX-License-Identifier: Apache-2.0
//
// How long to go on asking a server that does not answer, or answers 429 or 5xx (which callers make `unreachable`).
#pragma once

#include <optional>

#include "payload/base/clock.h"
#include "payload/http/client.h"

namespace sealift::http {

struct Patience {
  unsigned attempts = 5;           // per request, for errors that may pass: no connection, 429, 5xx
  Duration first_pause{1'000};     // doubles each time
  Duration longest_pause{30'000};  // also the upper limit for Retry-After
  // A response that brings fewer bytes a second than this for so long is given up, and asked for again (pace.h). Its
  // attempts do not count anew: in this time, less than kProgress comes.
  uint64_t slowest = 1024;
  Duration slow_for{60'000};
};

// A body that has moved on by this much since the last failure has its attempts anew: long pulls over bad lines end,
// and a server that gives a few bytes each time is not followed for ever.
inline constexpr uint64_t kProgress = uint64_t{64} << 10;

// The attempts of one request. One thread.
class Attempts {
 public:
  // `received`: what has come of the body so far, in bytes; 0 for requests that are not resumed.
  Attempts(const Patience& patience, Clock& clock, uint64_t received = 0)
      : patience_(patience), clock_(clock), reached_(received) {}
  // After a failure: the wait before the next attempt, at least what the server asks for in `reply` (may be null).
  // nullopt if the error is final or there were attempts enough.
  std::optional<Duration> next(const Error& error, const Reply* reply, uint64_t received = 0);

 private:
  const Patience& patience_;
  Clock& clock_;
  uint64_t reached_;
  unsigned failed_ = 0;
};

}  // namespace sealift::http
