// SPDX-License-Identifier: Apache-2.0
#include "payload/base/error.h"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <set>

#include "payload/base/clock.h"
#include "payload/base/platform.h"

using namespace sealift;
using namespace sealift::base;

TEST_CASE("every code has its own name and an exit code that is not success") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::unhealthy); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    CHECK(names.insert(name(code)).second);
    CHECK(exit_code(code) > 0);
    CHECK(exit_code(code) < 256);
  }
}

TEST_CASE("errors gather what was being done") {
  const auto inner = [] { return Result<int>(fail(ErrorCode::io, "disk {}", 3)); };
  const auto outer = [&]() -> Result<int> {
    auto result = inner();
    if (!result) return fail_while(std::move(result).error(), "reading x");
    return result;
  };
  CHECK(outer().error().text().find("disk 3") == 0);
  CHECK(outer().error().text().find("reading x") != std::string::npos);
  const auto tried = [&]() -> Result<void> {
    SEALIFT_ASSIGN(const int value, outer());
    static_cast<void>(value);
    return {};
  };
  CHECK(tried().error().code == ErrorCode::io);
}

TEST_CASE("errno becomes a code that callers can branch on") {
  const auto code = [](int number) { return Result<void>(fail_errno(number, "open x")).error().code; };
  CHECK(code(ENOENT) == ErrorCode::not_found);
  CHECK(code(EACCES) == ErrorCode::permission_denied);
  CHECK(code(EPERM) == ErrorCode::permission_denied);
  CHECK(code(ENOSPC) == ErrorCode::no_space);
  CHECK(code(EDQUOT) == ErrorCode::no_space);
  CHECK(code(EEXIST) == ErrorCode::already_exists);
  CHECK(code(EIO) == ErrorCode::io);
}

TEST_CASE("platforms and times have one spelling") {
  CHECK(parse_architecture("linux/arm64") == Architecture::arm64);
  CHECK(parse_architecture("aarch64") == Architecture::arm64);
  CHECK(parse_architecture("x86_64") == Architecture::amd64);
  CHECK_FALSE(parse_architecture("windows/amd64"));
  CHECK(platform(Architecture::amd64) == "linux/amd64");
  CHECK(to_iso8601(WallTime(std::chrono::milliseconds(1))) == "1970-01-01T00:00:00.001Z");
  CHECK(to_iso8601(WallTime(std::chrono::seconds(1769860800))) == "2026-01-31T12:00:00.000Z");
}
