// SPDX-License-Identifier: Apache-2.0
//
// Ends what moves next to nothing. A timeout alone does not: one byte a minute would keep it away for ever.
#pragma once

#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/stream.h"
#include "payload/http/patience.h"

namespace sealift::http {

// Counts the bytes that the other side has moved and the time spent waiting for it; not the time in which it was not
// waited for (a slow disk is not the other side's fault). One thread.
class Pace {
 public:
  // Fewer than `slowest` bytes a second, `over` so much time spent waiting, are too few.
  Pace(uint64_t slowest, Duration over) : slowest_(slowest), over_(over) {}
  void waited(Duration time) { waited_ += time; }
  void moved(uint64_t bytes) { bytes_ += bytes; }
  struct Slow {
    uint64_t rate;  // bytes a second
    Duration over;  // the time waited
  };
  // At the end of a period, if the bytes are too few. A new period begins then.
  std::optional<Slow> too_slow();

 private:
  uint64_t slowest_;
  Duration over_, waited_{};
  uint64_t bytes_ = 0;
};

// Passes a response's bytes on, and fails if its server gives next to nothing. One thread.
class PacedSink final : public base::Sink {
 public:
  // `server` is named in the error, `timeout`, which says how slow it was.
  PacedSink(base::Sink& sink, std::string server, const Patience& patience, Clock& clock)
      : sink_(sink),
        server_(std::move(server)),
        patience_(patience),
        clock_(clock),
        pace_(patience.slowest, patience.slow_for) {}
  Result<void> write(ByteView data) override;

 private:
  base::Sink& sink_;
  std::string server_;
  const Patience& patience_;
  Clock& clock_;
  Pace pace_;
  std::optional<Duration> since_;  // when it began to wait; unset before the first byte
};

}  // namespace sealift::http
