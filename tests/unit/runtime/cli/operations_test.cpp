// SPDX-License-Identifier: Apache-2.0
//
// Compares OPERATIONS.md's table of exit codes with the code.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "tests/support/source_tree.h"

using namespace sealift;

namespace {

// name → exit code, according to the document
std::map<std::string, int> documented() {
  std::map<std::string, int> out;
  auto text = base::read_text_file(tests::source_path("runtime/OPERATIONS.md"), 1 << 20).value();
  for (auto line : base::split(text, '\n')) {
    auto cells = base::split(line, '|');
    if (cells.size() < 4) continue;
    auto code = base::parse_u64(base::trim(cells[1]));
    if (!code) continue;
    for (auto name : base::split(cells[2], ',')) out[std::string(base::trim(name))] = static_cast<int>(*code);
  }
  return out;
}

}  // namespace

TEST_CASE("every error code stands in OPERATIONS.md with its exit code") {
  auto table = documented();
  size_t known = 0;
  for (int i = 0;; ++i) {
    auto code = static_cast<ErrorCode>(i);
    std::string name(base::name(code));
    if (i > 0 && name == "internal") break;  // past the end of the list
    INFO(name);
    REQUIRE(table.contains(name));
    CHECK(table[name] == base::exit_code(code));
    ++known;
  }
  CHECK(table.size() == known);
}
