// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/base/text.h"
#include "payload/image/manifest.h"
#include "runtime/node/catalog.h"

using namespace sealift;

TEST_CASE("an index inside an image's index is served under the image's name, and under no other") {
  const auto object = [](std::string_view text) {
    return format::ObjectRef{hash::sha256(base::as_bytes(text)), text.size()};
  };
  format::Contents contents;
  format::Image nested{"quay.io/team/app:1",
                       object("root"),
                       std::string(image::kOciIndex),
                       {},
                       {{object("inner"), std::string(image::kDockerList)}}};
  contents.images = {nested, {"quay.io/team/other:1", object("other"), std::string(image::kOciIndex), {}, {}}};
  const node::Catalog catalog(contents);
  const auto inner = object("inner").digest.text();
  const auto found = catalog.find({"quay.io", "team/app", node::Question::Kind::manifest, inner});
  REQUIRE(found);
  CHECK(found->digest == object("inner").digest);
  CHECK(found->size == 5);
  CHECK(found->media_type == image::kDockerList);
  CHECK_FALSE(catalog.find({"quay.io", "team/other", node::Question::Kind::manifest, inner}));
  CHECK_FALSE(catalog.find({"quay.io", "team/app", node::Question::Kind::blob, inner}));
}
