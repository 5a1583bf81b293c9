// SPDX-License-Identifier: Apache-2.0
#include "payload/base/duration.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace std::chrono_literals;

TEST_CASE("durations as people write them") {
  CHECK(base::parse_duration("1s") == 1s);
  CHECK(base::parse_duration("90s") == 90s);
  CHECK(base::parse_duration("10m") == 10min);
  CHECK(base::parse_duration("1h30m") == 90min);
  CHECK(base::parse_duration("2h1m5s") == 7265s);
  CHECK(base::parse_duration("720h") == 720h);
  for (const char* text : {"", "s", "0s", "10", "10 m", "1.5h", "-1s", "1m1h", "5m5m", "1d", "721h", "1000000000s",
                           "1M", "1h30", "99999999s"}) {
    INFO(text);
    CHECK_FALSE(base::parse_duration(text));
  }
}
