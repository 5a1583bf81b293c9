// SPDX-License-Identifier: Apache-2.0
#include "payload/base/address.h"

#include <catch2/catch_test_macros.hpp>

using sealift::base::bracketed;

TEST_CASE("only an IPv6 address stands in brackets") {
  CHECK(bracketed("10.7.0.11") == "10.7.0.11");
  CHECK(bracketed("cp1.site.example") == "cp1.site.example");
  CHECK(bracketed("::1") == "[::1]");
  CHECK(bracketed("fd00::7:11") == "[fd00::7:11]");
}
