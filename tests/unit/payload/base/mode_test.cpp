// SPDX-License-Identifier: Apache-2.0
#include "payload/base/mode.h"

#include <catch2/catch_test_macros.hpp>

using sealift::base::parse_mode;

TEST_CASE("a mode is one to five octal digits, at most 7777") {
  CHECK(parse_mode("0") == 0U);
  CHECK(parse_mode("644") == 0644U);
  CHECK(parse_mode("0755") == 0755U);
  CHECK(parse_mode("04755") == 04755U);
  CHECK(parse_mode("07777") == 07777U);
  for (const char* text : {"", "8", "0689", "rw", "0x1ff", "-1", "+644", " 644", "644 ", "10000", "17777", "000644"}) {
    INFO(text);
    CHECK_FALSE(parse_mode(text));
  }
}
