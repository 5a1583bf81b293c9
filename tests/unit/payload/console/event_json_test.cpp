// SPDX-License-Identifier: Apache-2.0
#include "payload/console/event_json.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using console::to_json;

TEST_CASE("events as JSON leave out what is empty") {
  Event event;
  event.kind = EventKind::progress;
  event.host = "w1";
  event.step = "payload.store";
  event.done = 1;
  event.total = 2;
  CHECK(
      to_json(event) ==
      R"({"done":1,"event":"progress","host":"w1","level":"info","step":"payload.store","time":"1970-01-01T00:00:00.000Z","total":2})");
  event = {};
  event.message = "line\nbreak";
  CHECK(to_json(event) ==
        R"({"event":"message","level":"info","message":"line\nbreak","time":"1970-01-01T00:00:00.000Z"})");
  CHECK(to_json(Error{ErrorCode::busy, "somebody \"else\"", {"looking"}}) ==
        R"x({"code":"busy","event":"error","exit":10,"message":"somebody \"else\" (while looking)"})x");
}
