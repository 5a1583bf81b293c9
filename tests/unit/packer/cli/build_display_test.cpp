// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/build_display.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/fd.h"
#include "tests/support/fake_clock.h"

using namespace sealift;
using packer_cli::progress_line;

TEST_CASE("how images arrive: bytes of all, rate and time left, once there is something to tell") {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  CHECK(progress_line(0, 100 * kMiB, Duration{5000}) == "0 B of 100 MiB");
  CHECK(progress_line(kMiB, 100 * kMiB, Duration{500}) == "1.0 MiB of 100 MiB");
  CHECK(progress_line(20 * kMiB, 100 * kMiB, Duration{2000}) == "20 MiB of 100 MiB, 10 MiB/s, 8 s left");
  CHECK(progress_line(kMiB, 1000 * kMiB, Duration{1000}) == "1.0 MiB of 1000 MiB, 1.0 MiB/s, 16:39 min left");
  CHECK(progress_line(100 * kMiB, 100 * kMiB, Duration{1000}) == "100 MiB of 100 MiB, 100 MiB/s, 0 s left");
}

TEST_CASE("without a terminal only whole lines are written") {
  auto [read, write] = base::make_pipe().value();
  tests::FakeClock clock;
  {
    packer_cli::BuildDisplay display(console::Output(write.get()), clock);
    base::tell(display, Level::info, "FROM base.run");
    base::tell(display, Level::debug, "not for people");
    Event event;
    event.kind = base::EventKind::progress;
    event.step = "images";
    event.done = 1;
    event.total = 2;
    display.on(event);
    base::tell(display, Level::warning, "no pod network");
    display.finish();
  }
  write.reset();
  base::FdSource source(read.get());
  CHECK(base::as_text(base::read_all(source, 1000).value()) == "FROM base.run\nwarning: no pod network\n");
}
