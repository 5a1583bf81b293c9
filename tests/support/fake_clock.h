// SPDX-License-Identifier: Apache-2.0
//
// A clock that never waits: sleeping advances it. Any thread.
#pragma once

#include <atomic>

#include "payload/base/clock.h"

namespace sealift::tests {

class FakeClock final : public Clock {
 public:
  WallTime now() const override { return WallTime{Duration{1'700'000'000'000 + moved_.load()}}; }
  Duration monotonic() const override { return Duration{moved_.load()}; }
  void sleep(Duration duration) override { moved_ += duration.count(); }
  void advance(Duration duration) { moved_ += duration.count(); }

 private:
  std::atomic<int64_t> moved_ = 0;
};

}  // namespace sealift::tests
