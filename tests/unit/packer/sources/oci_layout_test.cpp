// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <map>

#include "packer/sources/image_source.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/hash/digest.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

void write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
}

// A layout with docker.io/library/tiny:1 for amd64: a manifest without an index.
struct Layout {
  tests::TemporaryFolder folder;
  std::string manifest_path;

  Layout() {
    const auto config = blob(R"({"architecture":"amd64","os":"linux"})");
    const auto layer = blob(std::string(1024, '\0'));
    const std::string manifest = base::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
        R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})",
        config, layer);
    manifest_path = folder / ("blobs/sha256/" + hash::sha256(base::as_bytes(manifest)).hex());
    write(folder / "index.json",
          base::format(
              R"({{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json",{},)"
              R"("annotations":{{"org.opencontainers.image.ref.name":"docker.io/library/tiny:1"}}}}]}})",
              blob(manifest)));
  }
  std::string blob(const std::string& text) const {
    const Digest digest = hash::sha256(base::as_bytes(text));
    write(folder / ("blobs/sha256/" + digest.hex()), text);
    return base::format(R"("digest":"{}","size":{})", digest.text(), text.size());
  }
  Result<sources::ImagePlan> plan(std::string_view name, const std::vector<Architecture>& architectures) const {
    const auto source = sources::open_source("oci:" + folder.path(), "");
    REQUIRE(source);
    const auto reference = image::parse_reference(name);
    REQUIRE(reference);
    return sources::plan_image(**source, *reference, architectures, {});
  }
};

}  // namespace

TEST_CASE("an image is found by its full name, with its config and layers") {
  const Layout layout;
  const auto plan = layout.plan("tiny:1", {Architecture::amd64});
  REQUIRE(plan);
  CHECK(plan->image.name == "docker.io/library/tiny:1");
  REQUIRE(plan->blobs.size() == 2);
  CHECK((!plan->blobs[0].is_layer && plan->blobs[1].is_layer));
}

TEST_CASE("missing names and platforms are refused") {
  const Layout layout;
  const auto name = layout.plan("tinny:1", {Architecture::amd64});
  REQUIRE_FALSE(name);
  CHECK(name.error().code == ErrorCode::not_found);
  CHECK(name.error().text().contains("it has docker.io/library/tiny:1"));
  const auto platform = layout.plan("tiny:1", {Architecture::amd64, Architecture::arm64});
  REQUIRE_FALSE(platform);
  CHECK(platform.error().text().contains("arm64"));
}

TEST_CASE("a manifest with other bytes than its digest says is refused") {
  const Layout layout;
  write(layout.manifest_path, "{}");
  const auto plan = layout.plan("tiny:1", {Architecture::amd64});
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == ErrorCode::corrupt);
}

TEST_CASE("a folder that is no layout, and a layer that is no archive, are refused") {
  const tests::TemporaryFolder folder;
  CHECK_FALSE(sources::open_source("oci:" + folder.path(), ""));
  const std::string noise(4096, 'x');
  base::MemorySource source(base::as_bytes(noise));
  CHECK_FALSE(sources::measure_layer(source, "application/vnd.oci.image.layer.v1.tar+gzip"));
}

TEST_CASE("a name that stands once a platform gives the entry of the platform that is packed") {
  const Layout layout;
  std::string entries;
  std::map<std::string, Digest> manifests;
  for (const std::string architecture : {"arm64", "amd64"}) {
    const std::string manifest = base::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},"layers":[]}})",
        layout.blob(base::format(R"({{"architecture":"{}","os":"linux"}})", architecture)));
    manifests[architecture] = hash::sha256(base::as_bytes(manifest));
    entries += base::format(
        R"({}{{"mediaType":"application/vnd.oci.image.manifest.v1+json",{},"platform":{{"os":"linux","architecture":"{}"}},"annotations":{{"org.opencontainers.image.ref.name":"docker.io/library/two:1"}}}})",
        entries.empty() ? "" : ",", layout.blob(manifest), architecture);
  }
  write(layout.folder / "index.json", base::format(R"({{"schemaVersion":2,"manifests":[{}]}})", entries));
  for (const auto& [architecture, wanted] : {std::pair{"amd64", Architecture::amd64}, {"arm64", Architecture::arm64}}) {
    const auto plan = layout.plan("two:1", {wanted});
    if (!plan) FAIL(plan.error().text());
    CHECK(plan->image.root.digest == manifests.at(architecture));
  }
  const auto both = layout.plan("two:1", {Architecture::amd64, Architecture::arm64});
  REQUIRE_FALSE(both);
  CHECK(both.error().code == ErrorCode::invalid_input);
  CHECK(both.error().what.contains("stands 2 times"));
}
