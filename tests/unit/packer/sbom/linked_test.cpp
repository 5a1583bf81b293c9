// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/linked.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;

namespace {

std::string program(const std::string& text) {
  return "\x7f" + std::string("ELF") + std::string(500, '\0') + text + std::string(500, '\0');
}

}  // namespace

TEST_CASE("a program's libraries are read out of its text, without those of the packer") {
  const auto found = sbom::linked_into(
      program("Sealift 0.9.1-rc1 is linked with:\n  json 3.11.3, MIT\n  libarchive 3.8.9, BSD-2-Clause (sealift only)\n"
              "  zstd 1.5.7, BSD-3-Clause OR GPL-2.0-only\n\nSealift\n=======\n  no 1, more\n"));
  REQUIRE(found);
  CHECK(found->version == "0.9.1-rc1");
  CHECK(found->libraries ==
        std::vector<sbom::LinkedLibrary>{{"json", "3.11.3", "MIT"}, {"zstd", "1.5.7", "BSD-3-Clause OR GPL-2.0-only"}});
}

TEST_CASE("what only looks like the list is passed over") {
  const auto found = sbom::linked_into(program(" is linked with:\n") + program("Sealift x is linked with:\nnothing\n") +
                                       program("Sealift 2 is linked with:\n  a 1, MIT\n"));
  REQUIRE(found);
  CHECK(found->version == "2");
}

TEST_CASE("a program that says nothing, and one that is cut, has no libraries that are known") {
  CHECK_FALSE(sbom::linked_into(""));
  CHECK_FALSE(sbom::linked_into(program("")));
  const std::string text = "Sealift 2 is linked with:\n  a 1, MIT\n";
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    const auto cut = sbom::linked_into(std::string_view(text).substr(0, size));
    CHECK((!cut || cut->libraries.size() == 1));
  }
}
