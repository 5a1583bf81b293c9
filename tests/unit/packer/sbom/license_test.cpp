// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/license.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sealift;

TEST_CASE("an expression is of known identifiers, joined as SPDX joins them") {
  for (const auto* good :
       {"MIT", "Apache-2.0 OR MIT", "(MIT)", "Apache-2.0 WITH LLVM-exception", "MIT AND (Zlib OR BSD-3-Clause)",
        "GPL-2.0-only WITH Classpath-exception-2.0 OR EPL-2.0", "((MIT OR ISC) AND 0BSD)"}) {
    INFO(good);
    CHECK(sbom::is_license_expression(good));
  }
  for (const auto* bad : {"", " ", "mit", "MIT OR", "OR MIT", "MIT MIT", "MIT, Zlib", "(MIT", "MIT)", "()",
                          "MIT WITH Zlib", "MIT or Zlib", "Proprietary", "MIT\n"}) {
    INFO(bad);
    CHECK_FALSE(sbom::is_license_expression(bad));
  }
}

TEST_CASE("brackets without end are no expression, and end") {
  CHECK_FALSE(sbom::is_license_expression(std::string(100'000, '(')));
  CHECK_FALSE(sbom::is_license_expression(std::string(100, '(') + "MIT" + std::string(100, ')')));
  CHECK(sbom::is_license_expression(std::string(20, '(') + "MIT" + std::string(20, ')')));
}

TEST_CASE("an identifier alone is told from an expression") {
  CHECK(sbom::is_license("Apache-2.0"));
  CHECK_FALSE(sbom::is_license("Apache-2.0 OR MIT"));
}
