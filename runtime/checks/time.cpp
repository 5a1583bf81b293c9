// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>

#include "payload/base/format.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

constexpr int64_t kMaxSkewMs = 60'000;  // certificates and leases tolerate this much

void clock(const Subject& subject, Report& report) {
  const int64_t skew = std::abs(subject.host.facts.clock_ms - subject.host.read_at_ms);
  if (skew > kMaxSkewMs)
    report.found(base::format("has a clock that differs by {} s from this machine's", skew / 1000));
}

constexpr auto kChecks = std::to_array<Check>({
    {"time.clock", "the clock differs by a minute at most from the launch machine's",
     "set the clocks, or point all hosts at one NTP server", ReadFacts(clock)},
});

}  // namespace

std::span<const Check> time_checks() { return kChecks; }

}  // namespace sealift::checks
