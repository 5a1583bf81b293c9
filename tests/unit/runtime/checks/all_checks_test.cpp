// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/all_checks.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <set>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "tests/support/source_tree.h"

using namespace sealift;

TEST_CASE("every check has an id of its own, says what it wants, and has a remedy") {
  std::set<std::string_view> ids;
  size_t count = 0;
  for (const auto& theme : checks::catalog()) {
    CHECK_FALSE(theme.title.empty());
    for (const auto& check : theme.checks) {
      INFO(check.id);
      ++count;
      CHECK(check.id.find('.') != std::string_view::npos);
      CHECK(ids.insert(check.id).second);
      CHECK_FALSE(check.wants.empty());
      CHECK_FALSE(check.remedy.empty());
      CHECK(check.remedy.back() != '.');  // it is joined with other text
    }
  }
  CHECK(count > 20);
}

// SEALIFT_ACCEPT=1 writes it.
TEST_CASE("runtime/CHECKS.md is the catalog") {
  const std::string path = tests::source_path("runtime/CHECKS.md");
  if (std::getenv("SEALIFT_ACCEPT") != nullptr)
    REQUIRE(base::write_file_atomic(path, base::as_bytes(checks::document()), 0644));
  CHECK(base::read_text_file(path, size_t{1} << 20) == checks::document());
}

TEST_CASE("the help of `plan` names every check, in 80 columns") {
  const std::string help = checks::help();
  for (const auto& theme : checks::catalog()) {
    for (const auto& check : theme.checks) CHECK(help.contains("  " + std::string(check.id) + " "));
  }
  for (const auto line : base::split(help, '\n')) CHECK(line.size() <= 80);
}
