// SPDX-License-Identifier: Apache-2.0
//
// One whole request in the hands of a worker, and the way back to its client. Writing waits, but not for ever: a
// client must take something in each `write_timeout` and, while it is waited for, `slowest` bytes a second.
#pragma once

#include <atomic>
#include <string_view>

#include "payload/http/connection.h"
#include "payload/http/pace.h"
#include "payload/http/server.h"

namespace sealift::http {

class Exchange {
 public:
  Exchange(Connection& connection, size_t head, const ServerLimits& limits, const std::atomic<bool>& stopping)
      : connection_(connection),
        head_(head),
        limits_(limits),
        stopping_(stopping),
        pace_(limits.slowest, limits.slow_for) {}
  // The request's head, with its blank line.
  std::string_view head() const { return std::string_view(connection_.received).substr(0, head_); }
  int socket() const { return connection_.socket(); }
  Request::Client client() const;
  // All of it, or an error: `unreachable`, `timeout`, or `cancelled` if the server stops; then only a first write that
  // need not wait goes out: a short answer.
  Result<void> write(ByteView data);

 private:
  Result<void> wait(Moved::State wanted);

  Connection& connection_;
  const size_t head_;
  const ServerLimits& limits_;
  const std::atomic<bool>& stopping_;
  Pace pace_;
  bool has_begun_ = false;  // with an answer
};

}  // namespace sealift::http
