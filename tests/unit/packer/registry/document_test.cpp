// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/document.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/text.h"
#include "payload/image/manifest.h"

using namespace sealift;
using registry::Document;
using registry::Entry;

namespace {

Digest digest(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

Document sample() {
  Document out;
  out.name = "erp";
  out.version = "3.4";
  out.platforms = {Architecture::amd64, Architecture::arm64};
  out.launch = Architecture::arm64;
  out.metadata_offset = 123'456'789'012;
  out.metadata = {digest("metadata"), 4711};
  out.blobs = {{digest("one"), 1}, {digest("two"), uint64_t{5} << 30}};
  return out;
}

Result<Document> back(const registry::Encoded& encoded) {
  SEALIFT_ASSIGN(auto parsed, registry::parse_manifest(encoded.manifest));
  CHECK(parsed.config == writer::Run{hash::sha256(encoded.config), encoded.config.size()});
  return registry::with_config(std::move(parsed), encoded.config);
}

std::string replaced(const Bytes& bytes, std::string_view from, std::string_view to) {
  const auto text = base::replace_all(std::string(base::as_text(bytes)), from, to);
  REQUIRE(text != base::as_text(bytes));
  return text;
}

}  // namespace

TEST_CASE("a document is read back as it was written, twice the same bytes") {
  auto document = sample();
  for (int i = 0; i < 2; ++i) {
    const auto encoded = registry::encode(document);
    REQUIRE(encoded);
    CHECK(registry::encode(document)->manifest == encoded->manifest);
    const auto read = back(*encoded);
    if (!read) FAIL(read.error().text());
    CHECK(*read == document);
    // a bare payload without a name
    document.name.clear();
    document.version.clear();
    document.launch.reset();
    document.platforms.clear();
  }
}

TEST_CASE("a manifest is one that registries know: an image manifest, the types in the form that Harbor expects") {
  const auto encoded = registry::encode(sample());
  REQUIRE(encoded);
  const auto parsed = image::parse_manifest(encoded->manifest, image::kOciManifest);
  if (!parsed) FAIL(parsed.error().text());
  const auto& manifest = std::get<image::Manifest>(*parsed);
  CHECK(manifest.artifact_type == registry::kArtifactType);
  CHECK(manifest.layers.size() == 3);
  CHECK(manifest.layers[0].digest == digest("metadata"));
  // application/vnd.ORGANISATION.TYPE.config.VERSION+json
  const auto type = manifest.config.media_type;
  CHECK((type.starts_with("application/vnd.sealift.") && type.contains(".config.") && type.ends_with("+json")));
}

TEST_CASE("an artifact of many blobs is refused before it is sent") {
  auto document = sample();
  for (int i = 0; i < 40'000; ++i) document.blobs.push_back({digest(std::to_string(i)), 1});
  CHECK(registry::encode(document).error().code == ErrorCode::limit_exceeded);
}

TEST_CASE("what is no artifact is called what it is") {
  const auto said = [](std::string_view manifest) {
    const auto parsed = registry::parse_manifest(base::as_bytes(manifest));
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::invalid_input);
    return parsed.error().what;
  };
  CHECK(said(R"({"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}})").contains("a container image"));
  CHECK(said(R"({"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}})")
            .contains("an artifact of type application/vnd.cncf.helm.config.v1+json"));
  CHECK(said("{}").contains("no artifact"));
}

TEST_CASE("manifests and configurations that make no sense are refused") {
  const auto encoded = *registry::encode(sample());
  const auto code = [](std::string_view manifest) {
    return registry::parse_manifest(base::as_bytes(manifest)).error().code;
  };
  CHECK(code("<html>") == ErrorCode::corrupt);
  CHECK(code(replaced(encoded.manifest, "artifact.frames.v1", "artifact.frames.v2")) == ErrorCode::unsupported_version);
  CHECK(code(replaced(encoded.manifest, digest("one").text(), "sha256:12")) == ErrorCode::corrupt);
  CHECK(code(replaced(encoded.manifest, "\"size\":4711", "\"size\":47110000000")) == ErrorCode::limit_exceeded);
  CHECK(code(replaced(encoded.manifest, "\"size\":4711", "\"size\":-1")) == ErrorCode::corrupt);
  CHECK(code(replaced(encoded.manifest, "\"layers\"", "\"players\"")) == ErrorCode::corrupt);

  const auto configured = [&](std::string_view from, std::string_view to) {
    return registry::with_config(*registry::parse_manifest(encoded.manifest),
                                 base::to_bytes(replaced(encoded.config, from, to)));
  };
  CHECK(configured("\"version\":1", "\"version\":2").error().code == ErrorCode::unsupported_version);
  CHECK(configured(digest("metadata").text(), digest("other").text()).error().code == ErrorCode::corrupt);
  CHECK(configured("\"launch\":\"linux/arm64\"", "\"launch\":\"linux/s390x\"").error().code == ErrorCode::corrupt);
  CHECK(configured("metadataOffset", "metadataOff").error().code == ErrorCode::corrupt);
}

TEST_CASE("an index names artifacts by platform; signatures in it are passed over") {
  const std::vector<Entry> entries{{{digest("a"), 10}, {Architecture::amd64}},
                                   {{digest("b"), 20}, {Architecture::amd64, Architecture::arm64}}};
  const Bytes bytes = registry::encode_index(entries);
  const auto parsed = registry::parse_index(bytes);
  REQUIRE(parsed);
  REQUIRE(*parsed);
  REQUIRE((*parsed)->size() == 2);
  CHECK((**parsed)[1].manifest == entries[1].manifest);
  CHECK((**parsed)[1].platforms == entries[1].platforms);
  const auto index = image::parse_manifest(bytes, image::kOciIndex);
  if (!index) FAIL(index.error().text());

  CHECK_FALSE(*registry::parse_index(registry::encode(sample())->manifest));
  const auto images = registry::parse_index(base::as_bytes(R"({"manifests":[{"mediaType":"x"}]})"));
  CHECK(images.error().code == ErrorCode::invalid_input);
}
