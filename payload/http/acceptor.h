// SPDX-License-Identifier: Apache-2.0
//
// Takes new connections from a listening socket in an event loop, and pauses for a moment while the system is short of
// descriptors or memory: the socket stays readable all that time, and would keep the loop busy.
#pragma once

#include <cstdint>
#include <optional>

#include "payload/base/clock.h"
#include "payload/base/fd.h"

namespace sealift::http {

class Acceptor {
 public:
  Acceptor() = default;  // accepts nothing
  // `listener` is non-blocking and gets watched by `epoll`, which stays the caller's, as event `number`.
  static Result<Acceptor> make(base::Fd listener, int epoll, uint64_t number);
  // Non-blocking; none if nothing more waits, or the system is short.
  base::Fd accept();
  bool is_paused() const { return until_.has_value(); }
  // In each turn of the loop: ends a pause that has lasted. How long the next turn may wait, if it matters.
  std::optional<Duration> go_on();
  const base::Fd& listener() const { return listener_; }

 private:
  void watch(uint32_t events) const;
  base::Fd listener_;
  int epoll_ = -1;
  uint64_t number_ = 0;
  std::optional<Duration> until_;  // monotonic: end of the pause
};

}  // namespace sealift::http
