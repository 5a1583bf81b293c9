// SPDX-License-Identifier: Apache-2.0
#include "payload/base/safe_path.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::base;

TEST_CASE("safe relative paths are returned as they are") {
  for (const std::string_view path : {"a", "a/b", "..a", "a..", "...", ".hidden", "a b/c", "ä/ö", "-x"}) {
    INFO(path);
    CHECK(safe_relative_path(path) == path);
  }
}

TEST_CASE("the longest path") {
  const std::string longest(kMaxPath, 'a');
  CHECK(safe_relative_path(longest) == longest);
}

TEST_CASE("unsafe relative paths are refused") {
  using namespace std::string_view_literals;
  for (const std::string_view path : {""sv, "/"sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, ".."sv, "../a"sv, "a/.."sv,
                                      "a/../b"sv, "./a"sv, "a/."sv, "a\0b"sv, "a\nb"sv, "a\x7f"sv, "\x1b[2J"sv}) {
    const auto checked = safe_relative_path(path);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ErrorCode::invalid_input);
  }
  CHECK_FALSE(safe_relative_path(std::string(kMaxPath + 1, 'a')));
}

TEST_CASE("cleaning removes what means nothing, and resolves nothing") {
  CHECK(clean_relative_path("a//b/./c/") == "a/b/c");
  CHECK(clean_relative_path("./") == "");
  CHECK(clean_relative_path("") == "");
  CHECK_FALSE(clean_relative_path("a/../b"));
  CHECK_FALSE(clean_relative_path("/a"));
}

TEST_CASE("absolute paths") {
  CHECK(safe_absolute_path("/etc/x") == "/etc/x");
  for (const std::string_view path : {"", "/", "etc", "//etc", "/etc/", "/etc/../x", "/etc//x"}) {
    INFO(path);
    CHECK_FALSE(safe_absolute_path(path));
  }
}
