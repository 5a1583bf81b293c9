// SPDX-License-Identifier: Apache-2.0
#include "payload/http/pace.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/fake_clock.h"

using namespace sealift;

namespace {

struct Line {
  tests::FakeClock clock;
  const http::Patience patience;
  Duration in_sink{};
  base::FunctionSink sink{[this](ByteView) -> Result<void> {
    clock.advance(in_sink);
    return {};
  }};
  http::PacedSink paced{sink, "https://slow.example:443", patience, clock};

  // So many bytes after so many milliseconds.
  Result<void> comes(size_t bytes, int64_t after) {
    clock.advance(Duration{after});
    return paced.write(Bytes(bytes));
  }
};

}  // namespace

TEST_CASE("a body that brings less than 1 KiB/s for a minute is given up, with the rate") {
  Line line;
  for (int i = 0; i < 6; ++i) REQUIRE(line.comes(5'000, 10'000));
  const auto slow = line.comes(5'000, 10'000);
  REQUIRE_FALSE(slow);
  CHECK(slow.error().code == ErrorCode::timeout);
  CHECK(slow.error().what == "https://slow.example:443 is too slow: 583 B/s for 60 s, at least 1.0 KiB/s are expected");
}

TEST_CASE("a pause, the time before the first byte and one that is just fast enough are no faults") {
  Line line;
  REQUIRE(line.comes(1, 3'600'000));
  for (int i = 0; i < 100; ++i) REQUIRE(line.comes(10'240, 10'000));
  REQUIRE(line.comes(61'440, 59'000));
}

TEST_CASE("each minute counts for itself: what came fast before does not help") {
  Line line;
  for (int i = 0; i < 60; ++i) REQUIRE(line.comes(1'000'000, 1'000));
  REQUIRE(line.comes(1'000'000, 1'000));
  Result<void> done;
  int64_t minutes = 0;
  for (; done && minutes < 5; ++minutes) done = line.comes(100, 60'000);
  CHECK_FALSE(done);
  CHECK(minutes <= 2);
}

TEST_CASE("what writing takes is not the server's time") {
  Line line;
  line.in_sink = Duration{120'000};
  for (int i = 0; i < 10; ++i) REQUIRE(line.comes(100, 10));
}
