// SPDX-License-Identifier: Apache-2.0
// Registries as a source of images: the same plan and the same bytes as from a folder, over HTTP.
#include <catch2/catch_test_macros.hpp>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using tests::RegistryServer;

namespace {

// team/app:1.0 for amd64, in an index.
struct Published {
  RegistryServer server;
  std::string layer = std::string(200'000, 'l'), config = R"({"os":"linux","architecture":"amd64"})", manifest_text,
              index_text;
  Digest layer_digest, manifest, index;

  Published() {
    layer_digest = server.add_blob(layer);
    manifest_text = base::format(
        R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},)"
        R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}})",
        server.add_blob(config).text(), config.size(), layer_digest.text(), layer.size());
    manifest = server.add_manifest("amd64", manifest_text, image::kOciManifest);
    index_text = base::format(
        R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"amd64"}}}}]}})",
        image::kOciManifest, manifest.text(), manifest_text.size());
    index = server.add_manifest("1.0", index_text, image::kOciIndex);
  }
  image::Reference reference(const std::string& suffix) const {
    const auto out = image::parse_reference(server.name() + "/team/app" + suffix);
    REQUIRE(out);
    return *out;
  }
};

struct Packer {
  tests::FakeClock clock;
  std::unique_ptr<sources::ImageSource> source;
  explicit Packer(std::vector<std::string> login_files = {}) {
    sources::RegistryOptions options;
    options.login_files = std::move(login_files);
    auto opened = sources::open_registries(std::move(options), clock);
    if (!opened) FAIL(opened.error().text());
    source = std::move(*opened);
  }
  Result<sources::ImagePlan> plan(const image::Reference& reference) {
    return sources::plan_image(*source, reference, {Architecture::amd64}, {});
  }
};

}  // namespace

TEST_CASE("an image is found by tag, by digest and by both; the digest is what counts") {
  Published published;
  Packer packer;
  for (const std::string& suffix :
       {std::string(":1.0"), "@" + published.index.text(), ":9.9@" + published.index.text()}) {
    INFO(suffix);
    const auto plan = packer.plan(published.reference(suffix));
    if (!plan) FAIL(plan.error().text());
    CHECK(plan->image.root.digest == published.index);
    CHECK(plan->image.media_type == image::kOciIndex);
    REQUIRE(plan->documents.size() == 2);
    CHECK(base::as_text(plan->documents[0].bytes) == published.index_text);
    CHECK(base::as_text(plan->documents[1].bytes) == published.manifest_text);
    CHECK(plan->blobs.size() == 2);
  }
  const auto none = packer.plan(published.reference(":2.0"));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
}

TEST_CASE("a blob that broke off arrives whole, each byte once, or is an error") {
  Published published;
  Packer packer;
  const auto plan = packer.plan(published.reference(":1.0"));
  REQUIRE(plan);
  published.server.habits.cuts = 1;
  const auto& descriptor = plan->blobs.back().descriptor;
  base::MemorySink whole(size_t{1} << 20);
  const auto done = packer.source->blob(published.reference(":1.0"), descriptor, 0, whole, {});
  if (!done) FAIL(done.error().text());
  CHECK(base::as_text(whole.data()) == published.layer);
  published.server.blobs[published.layer_digest.text()][7] ^= 1;
  base::MemorySink changed(size_t{1} << 20);
  const auto other = packer.source->blob(published.reference(":1.0"), descriptor, 0, changed, {});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::corrupt);
}

TEST_CASE("what an index says of a manifest's type stands before what the registry says") {
  Published published;
  published.server.manifests[published.manifest.text()].second = image::kDockerManifest;
  Packer packer;
  const auto plan = packer.plan(published.reference(":1.0"));
  if (!plan) FAIL(plan.error().text());
  CHECK(plan->image.platforms.at(0).media_type == image::kOciManifest);
  // requested directly, only the registry's label is there; one that names no manifest counts for nothing
  const auto direct = packer.plan(published.reference("@" + published.manifest.text()));
  REQUIRE(direct);
  CHECK(direct->image.media_type == image::kDockerManifest);
  for (const char* label : {"text/plain", "application/octet-stream"}) {
    published.server.manifests[published.manifest.text()].second = label;
    const auto by_shape = packer.plan(published.reference("@" + published.manifest.text()));
    if (!by_shape) FAIL(by_shape.error().text());
    CHECK(by_shape->image.media_type == image::kOciManifest);
  }
}

TEST_CASE("a platform's manifest that is named by another digest than sha256 is refused, and not asked for") {
  Published published;
  published.server.add_manifest(
      "1.0",
      base::format(
          R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"sha512:{}","size":5,"platform":{{"os":"linux","architecture":"amd64"}}}}]}})",
          image::kOciManifest, std::string(128, 'a')),
      image::kOciIndex);
  const auto plan = Packer().plan(published.reference(":1.0"));
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == ErrorCode::unsupported);
  CHECK(plan.error().text().contains("only sha256 digests are supported"));
  CHECK(published.server.asked().size() == 1);
}

TEST_CASE("two registries are asked each for its own images, with its own login") {
  Published first, second;
  for (auto* published : {&first, &second}) {
    published->server.habits.authorization =
        "Basic " + base::to_base64(base::as_bytes(published == &first ? "ann:1" : "bob:2"));
    published->server.habits.challenge = R"(Basic realm="r")";
  }
  tests::TemporaryFolder folder;
  const std::string logins = folder / "config.json";
  const auto entry = [](const Published& of, std::string_view both) {
    return base::format(R"("{}":{{"auth":"{}"}})", of.server.name(), base::to_base64(base::as_bytes(both)));
  };
  REQUIRE(base::write_file_atomic(
      logins, base::as_bytes(base::format(R"({{"auths":{{{},{}}}}})", entry(first, "ann:1"), entry(second, "bob:2"))),
      0600));
  Packer packer({logins});
  for (auto* published : {&first, &second}) {
    const auto plan = packer.plan(published->reference(":1.0"));
    if (!plan) FAIL(plan.error().text());
    for (const auto& asked : published->server.asked())
      CHECK((asked.authorization.empty() || asked.authorization == published->server.habits.authorization));
  }
  CHECK_FALSE(Packer().plan(first.reference(":1.0")));
}

TEST_CASE("a file of logins that can't be read ends it before anything is asked") {
  tests::TemporaryFolder folder;
  REQUIRE(base::write_file_atomic(folder / "config.json", base::as_bytes("{"), 0600));
  tests::FakeClock clock;
  sources::RegistryOptions options;
  options.login_files = {folder / "config.json"};
  const auto refused = sources::open_registries(std::move(options), clock);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_input);
}
