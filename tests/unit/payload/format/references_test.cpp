// SPDX-License-Identifier: Apache-2.0
#include "payload/format/references.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <vector>

using namespace sealift;
using namespace sealift::format;

namespace {

ObjectRef named(std::string_view text) { return {hash::sha256(base::as_bytes(text)), text.size()}; }

Contents every_kind() {
  Contents out;
  out.stubs = {{Architecture::arm64, named("stub")}};
  out.tree = {{"etc/a", {named("file"), 0644}}};
  out.images = {{"registry.example/app:1",
                 named("root"),
                 "x",
                 {{Architecture::arm64, named("manifest"), "m", named("config"), {named("layer"), named("layer 2")}}},
                 {{named("inner index"), "i"}}}};
  return out;
}

}  // namespace

TEST_CASE("every object that contents names is visited, with who names it") {
  const std::vector<std::pair<std::string, std::string>> wanted{{"stub", "a stub"},
                                                                {"file", "etc/a"},
                                                                {"root", "registry.example/app:1"},
                                                                {"inner index", "registry.example/app:1"},
                                                                {"manifest", "registry.example/app:1"},
                                                                {"config", "registry.example/app:1"},
                                                                {"layer", "registry.example/app:1"},
                                                                {"layer 2", "registry.example/app:1"}};
  size_t count = 0;
  constexpr std::array kParts{Part::program,  Part::file,   Part::image_root, Part::inner_index,
                              Part::manifest, Part::config, Part::layer,      Part::layer};
  REQUIRE(for_each_reference(every_kind(), [&](const Reference& reference) -> Result<void> {
    REQUIRE(count < wanted.size());
    CHECK(reference.object == named(wanted[count].first));
    CHECK(reference.of == wanted[count].second);
    CHECK(reference.part == kParts[count]);
    ++count;
    return {};
  }));
  CHECK(count == wanted.size());
}

TEST_CASE("the first reference that is refused ends the walk") {
  for (size_t refused = 0; refused < 8; ++refused) {
    size_t count = 0;
    const auto done = for_each_reference(every_kind(), [&](const Reference&) -> Result<void> {
      if (count++ == refused) return fail(ErrorCode::corrupt, "number {}", refused);
      return {};
    });
    REQUIRE_FALSE(done);
    CHECK(done.error().what == base::format("number {}", refused));
    CHECK(count == refused + 1);
  }
}
