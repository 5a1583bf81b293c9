// SPDX-License-Identifier: Apache-2.0
//
// Ends a response whose server gives next to nothing. A read timeout alone does not: one byte a minute would keep it
// away for ever.
#pragma once

#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/stream.h"
#include "payload/http/patience.h"

namespace sealift::http {

// Passes a response's bytes on. Counts the time spent waiting for them, not what the sink itself takes (a slow disk is
// not the server's fault). One thread.
class PacedSink final : public base::Sink {
 public:
  // `server` is named in the error, `timeout`, which says how slow it was.
  PacedSink(base::Sink& sink, std::string server, const Patience& patience, Clock& clock)
      : sink_(sink), server_(std::move(server)), patience_(patience), clock_(clock) {}
  Result<void> write(ByteView data) override;

 private:
  base::Sink& sink_;
  std::string server_;
  const Patience& patience_;
  Clock& clock_;
  std::optional<Duration> since_;  // when it began to wait; unset before the first byte
  Duration waited_{};              // in this period
  uint64_t bytes_ = 0;             // likewise
};

}  // namespace sealift::http
