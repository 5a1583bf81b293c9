// SPDX-License-Identifier: Apache-2.0
#include "payload/base/retry.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/fake_clock.h"

using namespace sealift;

TEST_CASE("only what may pass is tried again, each after its own waits and not for ever") {
  base::Retries retries({{Duration{1}, Duration{2}}, {Duration{7}}});
  const auto next = [&](ErrorCode code) { return retries.next({code, "", {}}); };
  CHECK(next(ErrorCode::unreachable) == Duration{1});
  CHECK(next(ErrorCode::timeout) == Duration{7});
  for (const auto code :
       {ErrorCode::auth_failed, ErrorCode::corrupt, ErrorCode::busy, ErrorCode::cancelled, ErrorCode::command_failed})
    CHECK_FALSE(next(code));
  CHECK_FALSE(next(ErrorCode::timeout));
  CHECK(next(ErrorCode::unreachable) == Duration{2});
  CHECK_FALSE(next(ErrorCode::unreachable));
}

TEST_CASE("a pause lasts as long as it was asked to, and ends when it is cancelled") {
  tests::FakeClock clock;
  const Duration begin = clock.monotonic();
  REQUIRE(base::pause(clock, Duration{950}, {}));
  CHECK(clock.monotonic() - begin == Duration{950});
  CancelSource source;
  source.cancel();
  CHECK(base::pause(clock, Duration{1'000'000}, source.token()).error().code == ErrorCode::cancelled);
  CHECK(clock.monotonic() - begin < Duration{2'000});
}
