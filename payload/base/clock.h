// SPDX-License-Identifier: Apache-2.0
//
// The only access to time. Everything that waits, times out or stamps takes a Clock, so that tests need not wait.
#pragma once

#include <chrono>
#include <string>

namespace sealift::base {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;
  // Since an arbitrary start; never goes back.
  virtual Duration monotonic() const = 0;
  virtual void sleep(Duration duration) = 0;
};

// The machine's clock; any thread.
Clock& system_clock();

// "2026-01-31T12:00:00.123Z"
std::string to_iso8601(WallTime time);

}  // namespace sealift::base

namespace sealift {
using base::Clock;
using base::Duration;
using base::WallTime;
}  // namespace sealift
