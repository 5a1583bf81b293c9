// SPDX-License-Identifier: Apache-2.0
#include "payload/format/requirement.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using format::is_among;

TEST_CASE("requirements: bounds are read however they are written, and kept in one way") {
  CHECK(format::parse_versions("").value() == "");
  CHECK(format::parse_versions(">=1.31").value() == ">=1.31");
  CHECK(format::parse_versions(" >= 1.31 ,<2 ").value() == ">=1.31 <2");
  CHECK(format::parse_versions(">=1.31<2").value() == ">=1.31 <2");
  CHECK(format::parse_versions("7.2").value() == "=7.2");
  CHECK(format::parse_versions("=v1.34.4").value() == "=v1.34.4");
  for (const auto* bad : {">=", "latest", ">=1.x", "1..2", "~1.2", ">=1.31 ||", "1.2-", "-1"}) {
    INFO(bad);
    const auto refused = format::parse_versions(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_input);
  }
}

TEST_CASE("requirements: versions are compared by their numbers, and pre-releases come before their release") {
  struct Case {
    const char* version;
    const char* versions;
    bool is;
  };
  for (const auto& [version, versions, is] : std::to_array<Case>({
           {"v1.34.4", ">=1.31", true},
           {"v1.34.4", ">=1.34.4", true},
           {"v1.34.4", ">1.34.4", false},
           {"v1.34.4", ">=1.4", true},  // not as text
           {"v1.34.4", "<1.4", false},
           {"v1.34.4", ">=1.31 <1.34", false},
           {"v1.34.4", "<=1.34.4", true},
           {"v1.34.4", "=1.34.4", true},
           {"v1.34.0", "1.34", true},
           {"v1.34.4", "1.34", false},
           {"v1.35.0-rc.1", ">=1.35", false},
           {"v1.35.0-rc.1", ">=1.34", true},
           {"v1.35.0-rc.2", ">1.35.0-rc.1", true},
           {"v1.35.0-rc.10", ">1.35.0-rc.9", true},
           {"1.0.0-alpha", "<1.0.0-alpha.1", true},
           {"1.0.0-1", "<1.0.0-alpha", true},
           {"1.0.0+build", "=1.0.0", true},
           {"anything", "", true},
           {"", "", true},
           {"", ">=1", false},
           {"anything", ">=0", false},
           {"1.0", "rubbish", false},
       })) {
    INFO(version << " among " << versions);
    CHECK(is_among(version, versions) == is);
  }
}

TEST_CASE("requirements: the lowest version is the highest bound from below") {
  CHECK(format::lowest_of(">=1.31") == "v1.31.0");
  CHECK(format::lowest_of(">=1.31 >=1.32.1 <2") == "v1.32.1");
  CHECK(format::lowest_of("=v1.34.4") == "v1.34.4");
  CHECK(format::lowest_of(">=1.35.0-rc.1") == "v1.35.0-rc.1");
  CHECK_FALSE(format::lowest_of("<1.36"));
  CHECK_FALSE(format::lowest_of(""));
}
