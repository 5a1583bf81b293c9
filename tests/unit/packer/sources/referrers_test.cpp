// SPDX-License-Identifier: Apache-2.0
// Signatures, bills of materials and attestations: found where registries and layouts keep them, and nothing else.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"
#include "tests/support/stored_image.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using tests::RegistryServer;
using tests::StoredImage;

namespace {

constexpr auto* kImageConfig = "application/vnd.oci.image.config.v1+json";

std::string fields(const std::string& text) {
  return base::format(R"("digest":"{}","size":{})", StoredImage::digest_of(text), text.size());
}
std::string tag_of(const std::string& text) { return "sha256-" + StoredImage::digest_of(text).substr(7); }

// A signature as cosign writes it, and a bill of materials as oras does; each of this content.
std::string signature(const std::string& content) {
  return base::format(
      R"({{"schemaVersion":2,"config":{{"mediaType":"{}",{}}},"layers":[{{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json",{}}}]}})",
      kImageConfig, fields("{}"), fields(content));
}
std::string materials(const std::string& subject, const std::string& content) {
  return base::format(
      R"({{"schemaVersion":2,"artifactType":"application/spdx+json","config":{{"mediaType":"application/vnd.oci.empty.v1+json",{}}},"layers":[{{"mediaType":"application/spdx+json",{}}}],"subject":{{"mediaType":"{}",{}}}}})",
      fields("{}"), fields(content), image::kOciManifest, fields(subject));
}
std::string list_of(const std::vector<std::string>& manifests) {
  std::string entries;
  for (const auto& manifest : manifests)
    entries += base::format(R"({}{{"mediaType":"{}",{},"artifactType":"application/spdx+json"}})",
                            entries.empty() ? "" : ",", image::kOciManifest, fields(manifest));
  return StoredImage::index_of(entries);
}

struct Published {
  RegistryServer server;
  tests::FakeClock clock;
  std::string config = R"({"os":"linux","architecture":"amd64"})", manifest, index;

  Published() {
    manifest = base::format(R"({{"schemaVersion":2,"config":{{"mediaType":"{}",{}}},"layers":[]}})", kImageConfig,
                            fields(config));
    index = StoredImage::index_of(
        base::format(R"({{"mediaType":"{}",{},"platform":{{"os":"linux","architecture":"amd64"}}}})",
                     image::kOciManifest, fields(manifest)));
    server.add_blob(config);
    server.add_manifest("platform", manifest, image::kOciManifest);
    server.add_manifest("1.0", index, image::kOciIndex);
  }
  Result<std::vector<sources::ImagePlan>> find() {
    SEALIFT_ASSIGN(const auto source, sources::open_registries({}, clock));
    SEALIFT_ASSIGN(const auto reference, image::parse_reference(server.name() + "/team/app:1.0"));
    SEALIFT_ASSIGN(const auto plan, sources::plan_image(*source, reference, {Architecture::amd64}, {}));
    return sources::plan_referrers(*source, reference, plan, Architecture::amd64, {});
  }
  // The names, without the repository.
  std::vector<std::string> names() {
    const auto found = find();
    if (!found) FAIL(found.error().text());
    std::vector<std::string> out;
    for (const auto& plan : *found) {
      REQUIRE(plan.image.name.starts_with(server.name() + "/team/app"));
      out.push_back(plan.image.name.substr(server.name().size() + 9));
      CHECK(image::parse_reference(plan.image.name));
    }
    return out;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("an image to which nothing refers has no more images, with and without the registry's lists") {
  Published published;
  CHECK(published.names().empty());
  published.server.referrers.emplace();
  CHECK(published.names().empty());
  // the image itself is fetched once more for no question
  CHECK(published.server.asked_for("/blobs/") <= 2);
}

TEST_CASE("cosign's tags are found for the index and for each packed manifest, and for what is signed itself") {
  Published published;
  const std::string of_index = signature("one"), of_manifest = signature("two"), attestation = signature("three"),
                    nested = signature("four");
  published.server.add_manifest(tag_of(published.index) + ".sig", of_index, image::kOciManifest);
  published.server.add_manifest(tag_of(published.manifest) + ".sig", of_manifest, image::kOciManifest);
  published.server.add_manifest(tag_of(published.manifest) + ".att", attestation, image::kOciManifest);
  published.server.add_manifest(tag_of(attestation) + ".sig", nested, image::kOciManifest);
  CHECK(published.names() == Names{":" + tag_of(published.index) + ".sig", ":" + tag_of(published.manifest) + ".sig",
                                   ":" + tag_of(published.manifest) + ".att", ":" + tag_of(attestation) + ".sig"});
  const auto found = published.find();
  REQUIRE(found);
  const auto& first = found->front();
  CHECK(first.image.root.digest.text() == StoredImage::digest_of(of_index));
  REQUIRE(first.documents.size() == 1);
  CHECK(base::as_text(first.documents[0].bytes) == of_index);  // byte for byte, or the signature's own digest is gone
  REQUIRE(first.image.platforms.size() == 1);
  CHECK(first.image.platforms[0].manifest == first.image.root);
  REQUIRE(first.blobs.size() == 2);
  CHECK(first.blobs[1].descriptor.digest.text() == StoredImage::digest_of("one"));
  CHECK_FALSE(first.blobs[1].is_layer);  // nothing to unpack, so nothing to measure
}

TEST_CASE(
    "the registry's list is kept under the tag that clients ask for where there are no lists, with what it names") {
  Published published;
  const std::string sbom = materials(published.index, "sbom"), other = materials(published.index, "other"),
                    on_sbom = materials(sbom, "signed");
  for (const auto& text : {sbom, other, on_sbom}) {
    const auto digest = StoredImage::digest_of(text);
    published.server.manifests[digest] = {text, std::string(image::kOciManifest)};
  }
  const std::string list = list_of({sbom, other});
  const Names wanted{":" + tag_of(published.index), "@" + StoredImage::digest_of(sbom), ":" + tag_of(sbom),
                     "@" + StoredImage::digest_of(on_sbom), "@" + StoredImage::digest_of(other)};
  SECTION("by the API") {
    published.server.referrers = std::map<std::string, std::string>{{StoredImage::digest_of(published.index), list},
                                                                    {StoredImage::digest_of(sbom), list_of({on_sbom})}};
  }
  SECTION("by the tag") {
    published.server.add_manifest(tag_of(published.index), list, image::kOciIndex);
    published.server.add_manifest(tag_of(sbom), list_of({on_sbom}), image::kOciIndex);
  }
  CHECK(published.names() == wanted);
  const auto found = published.find();
  REQUIRE(found);
  CHECK(base::as_text(found->at(0).documents.at(0).bytes) == list);
  CHECK(found->at(0).image.platforms.empty());
  CHECK(found->at(1).image.platforms.at(0).layers.at(0).digest.text() == StoredImage::digest_of("sbom"));
}

TEST_CASE("things that refer to each other in a circle end") {
  Published published;
  const std::string sbom = materials(published.index, "sbom");
  published.server.manifests[StoredImage::digest_of(sbom)] = {sbom, std::string(image::kOciManifest)};
  published.server.referrers = std::map<std::string, std::string>{
      {StoredImage::digest_of(published.index), list_of({sbom})}, {StoredImage::digest_of(sbom), list_of({sbom})}};
  CHECK(published.names().size() == 3);
}

TEST_CASE("a list that names what is not there, or other bytes, is an error; one that is no list is none") {
  Published published;
  const std::string sbom = materials(published.index, "sbom");
  published.server.referrers =
      std::map<std::string, std::string>{{StoredImage::digest_of(published.index), list_of({sbom})}};
  const auto gone = published.find();
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::not_found);
  published.server.manifests[StoredImage::digest_of(sbom)] = {sbom + " ", std::string(image::kOciManifest)};
  const auto changed = published.find();
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == ErrorCode::corrupt);
  published.server.referrers =
      std::map<std::string, std::string>{{StoredImage::digest_of(published.index), "<html>not for you</html>"}};
  CHECK(published.names().empty());
}

TEST_CASE("in a layout, referrers are found by their tags, and the only image is not taken for its own signature") {
  StoredImage image;
  const std::string manifest = image.manifest("amd64", "x"), sig = signature("one");
  image.blob("{}");
  image.blob("one");
  const auto find = [&](const std::string& entries) {
    tests::TemporaryFolder folder;
    image.layout(entries);
    image.write_folder(folder.path());
    const auto source = sources::open_source("oci:" + folder.path(), "");
    REQUIRE(source);
    const auto reference = image::parse_reference("quay.io/team/a:1");
    const auto plan = sources::plan_image(**source, *reference, {Architecture::amd64}, {});
    if (!plan) FAIL(plan.error().text());
    auto found = sources::plan_referrers(**source, *reference, *plan, Architecture::amd64, {});
    if (!found) FAIL(found.error().text());
    return std::move(*found);
  };
  const auto found =
      find(image.entry(manifest, image::kOciManifest, StoredImage::names("quay.io/team/a:1")) + "," +
           image.entry(sig, image::kOciManifest, StoredImage::names("quay.io/team/a:" + tag_of(manifest) + ".sig")));
  REQUIRE(found.size() == 1);
  CHECK(found[0].image.root.digest.text() == StoredImage::digest_of(sig));
  CHECK(find(image.entry(manifest)).empty());
  // as newer tools write it: no name, but a subject
  const std::string bill = materials(manifest, "one"), other = materials(sig, "one");
  const auto named = image.entry(manifest, image::kOciManifest, StoredImage::names("quay.io/team/a:1"));
  const auto by_subject = find(named + "," + image.entry(bill) + "," + image.entry(other));
  REQUIRE(by_subject.size() == 2);
  CHECK(by_subject[0].image.name == "quay.io/team/a:" + tag_of(manifest));
  CHECK(base::as_text(by_subject[0].documents[0].bytes).contains(StoredImage::digest_of(bill)));
  CHECK_FALSE(base::as_text(by_subject[0].documents[0].bytes).contains(StoredImage::digest_of(other)));
  CHECK(by_subject[1].image.root.digest.text() == StoredImage::digest_of(bill));
}
