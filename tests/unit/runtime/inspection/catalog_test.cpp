// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/catalog.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <set>

#include "payload/base/file.h"
#include "tests/support/source_tree.h"

using namespace sealift;

TEST_CASE("inspection: every check has an id of its own, says what is well, and has a remedy") {
  std::set<std::string_view> ids;
  for (const auto& theme : inspection::catalog()) {
    CHECK_FALSE(theme.title.empty());
    for (const auto& check : theme.checks) {
      INFO(check.id);
      CHECK(check.id.contains('.'));
      CHECK(ids.insert(check.id).second);
      CHECK_FALSE(check.looks_at.empty());
      CHECK_FALSE(check.remedy.empty());
      CHECK(check.remedy.back() != '.');
      CHECK_FALSE(check.looks_at.contains('|'));  // it stands in a table
    }
  }
  CHECK(ids.size() > 30);
}

// SEALIFT_ACCEPT=1 writes it.
TEST_CASE("runtime/INSPECTION.md is the catalog") {
  const std::string path = tests::source_path("runtime/INSPECTION.md");
  if (std::getenv("SEALIFT_ACCEPT") != nullptr)
    REQUIRE(base::write_file_atomic(path, base::as_bytes(inspection::document()), 0644));
  CHECK(base::read_text_file(path, size_t{1} << 20) == inspection::document());
}
