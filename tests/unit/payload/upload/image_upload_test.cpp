// SPDX-License-Identifier: Apache-2.0
//
// The index beside an image. That registries take all of it is for tests/cli and tests/e2e to show, with a real one.
#include "payload/upload/image_upload.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/image/reference.h"

using namespace sealift;

TEST_CASE("an index beside its image: found by tag and by digest, and told from every other manifest") {
  const auto digest = hash::sha256(base::as_bytes("an index"));
  const auto by_tag = upload::whole_index_tag("1.0"), by_digest = upload::whole_index_tag(digest.text());
  CHECK(by_tag != by_digest);
  for (const auto& tag : {by_tag, by_digest, upload::whole_index_tag(std::string(128, 'x'))}) CHECK(image::is_tag(tag));
  const auto manifest = upload::whole_index_manifest(image::kOciIndex, digest, 8);
  const auto found = upload::whole_index_in(base::as_bytes(manifest));
  REQUIRE(found);
  CHECK(found->digest == digest);
  CHECK(found->size == 8);
  CHECK(found->media_type == image::kOciIndex);
  const std::string image = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                            R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
                            digest.text() + R"(","size":8},"layers":[]})";
  CHECK(upload::whole_index_in(base::as_bytes(image)).error().code == ErrorCode::invalid_input);
  CHECK_FALSE(upload::whole_index_in(base::as_bytes("no manifest")));
}
