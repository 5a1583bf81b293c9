// SPDX-License-Identifier: Apache-2.0
#include "payload/base/utf8.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift::base;

TEST_CASE("well-formed characters") {
  CHECK(utf8_length("a") == 1);
  CHECK(utf8_length("é") == 2);
  CHECK(utf8_length("漢") == 3);
  CHECK(utf8_length("😀x") == 4);
  CHECK(is_utf8(""));
  CHECK(is_utf8("a é 漢 😀"));
}

TEST_CASE("bytes that are no characters") {
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                     "\xf4\x90\x80\x80", "\xf8", "\xff", "\xc3", "\xe6\xbc", "\xc3("}) {
    CHECK(utf8_length(bad) == 0);
    CHECK_FALSE(is_utf8(bad));
  }
  CHECK(utf8_length("") == 0);
}
