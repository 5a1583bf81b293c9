// SPDX-License-Identifier: Apache-2.0
#include "payload/base/pattern.h"

#include <catch2/catch_test_macros.hpp>

namespace sealift {

TEST_CASE("patterns") {
  using base::is_like;
  CHECK(is_like("abc", "abc"));
  CHECK(is_like("abc", "*"));
  CHECK(is_like("", "*"));
  CHECK(is_like("abcbc", "a*bc"));
  CHECK(is_like("abc", "*b*"));
  CHECK_FALSE(is_like("abc", "ab"));
  CHECK_FALSE(is_like("ab", "abc"));
  CHECK_FALSE(is_like("abd", "a*c"));
  CHECK_FALSE(is_like("abc", ""));
  CHECK(is_like("x/abc", "x/*"));
  CHECK_FALSE(is_like("abc", "a*b"));
  CHECK_FALSE(is_like("aba", "ab*ba"));  // the same letter can't be both ends
}

}  // namespace sealift
