// SPDX-License-Identifier: Apache-2.0
#include "payload/base/parallel.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

using namespace sealift;

TEST_CASE("try_parallel does everything once") {
  std::vector<std::atomic<int>> done(1000);
  CHECK(base::try_parallel(done.size(), 4, {}, [&](size_t i, const CancelToken&) -> Result<void> {
    ++done[i];
    return {};
  }));
  for (const auto& count : done) CHECK(count == 1);
  CHECK(base::try_parallel(
      0, 4, {}, [](size_t, const CancelToken&) -> Result<void> { return fail(ErrorCode::internal, "never"); }));
}

TEST_CASE("try_parallel ends at the first error, and tells those that are at work") {
  std::atomic<size_t> begun = 0;
  const auto done = base::try_parallel(100'000, 4, {}, [&](size_t i, const CancelToken& stop) -> Result<void> {
    ++begun;
    if (i == 3) return fail(ErrorCode::corrupt, "three");
    while (i < 3 && !stop.cancelled()) std::this_thread::yield();
    return stop.check();
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().what == "three");
  CHECK(begun < 100'000);
}

TEST_CASE("try_parallel obeys the caller's token") {
  CancelSource cancel;
  std::atomic<size_t> begun = 0;
  const auto done = base::try_parallel(1000, 2, cancel.token(), [&](size_t, const CancelToken&) -> Result<void> {
    if (++begun == 5) cancel.cancel();
    return {};
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::cancelled);
  CHECK(begun < 1000);
}

TEST_CASE("a cancel source with a parent is cancelled with it, and not the other way round") {
  CancelSource parent;
  CancelSource child(parent.token());
  const auto token = child.token();
  CHECK_FALSE(token.cancelled());
  child.cancel();
  CHECK(token.cancelled());
  CHECK_FALSE(parent.token().cancelled());
  CancelSource other(parent.token());
  parent.cancel();
  CHECK(other.token().cancelled());
}
