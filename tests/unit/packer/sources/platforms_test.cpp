// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <map>

#include "packer/sources/image_source.h"

using namespace sealift;

namespace {

// An image with an index, in memory.
class IndexedImage final : public sources::ImageSource {
 public:
  // Adds a manifest whose config says the same architecture.
  void add(const std::string& architecture, const std::string& os = "linux", std::string_view type = image::kOciManifest) {
    const auto config = blob(std::format(R"({{"architecture":"{}","os":"{}"}})", architecture, os));
    const auto layer = blob("layer of " + architecture);
    const auto own = image::is_manifest(type) ? type : image::kOciManifest;
    add_document(architecture, std::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
                                           R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}},{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})",
                                           own, config, layer, blob("shared")), type, os);
  }
  void add_document(const std::string& architecture, const std::string& text, std::string_view type, const std::string& os = "linux") {
    entries_ += std::format(R"({}{{"mediaType":"{}",{},"platform":{{"architecture":"{}","os":"{}"}}}})", entries_.empty() ? "" : ",", type, blob(text), architecture, os);
    last_ = {hash::sha256(base::as_bytes(text)), std::string(type), base::to_bytes(text)};
  }
  bool without_index = false;  // the name stands for the last manifest itself

  Result<sources::ManifestBytes> resolve(const image::Reference&, const CancelToken&) override {
    if (without_index) return last_;
    const std::string text = std::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", image::kOciIndex, entries_);
    return sources::ManifestBytes{hash::sha256(base::as_bytes(text)), std::string(image::kOciIndex), base::to_bytes(text)};
  }
  Result<sources::ManifestBytes> manifest(const image::Reference&, const image::Descriptor& descriptor, const CancelToken&) override {
    return sources::ManifestBytes{descriptor.digest, descriptor.media_type, base::to_bytes(blobs_.at(descriptor.digest))};
  }
  Result<std::unique_ptr<base::RandomAccessFile>> blob(const image::Reference&, const image::Descriptor& descriptor, const CancelToken&) override {
    return std::make_unique<base::MemoryFile>(base::to_bytes(blobs_.at(descriptor.digest)));
  }

  Result<sources::ImagePlan> plan(const std::vector<Architecture>& wanted) {
    const auto reference = image::parse_reference("tiny:1");
    REQUIRE(reference);
    return sources::plan_image(*this, *reference, wanted, {});
  }

 private:
  std::string blob(const std::string& text) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    blobs_[digest] = text;
    return std::format(R"("digest":"{}","size":{})", digest.text(), text.size());
  }
  std::map<Digest, std::string> blobs_;
  std::string entries_;
  sources::ManifestBytes last_;
};

}  // namespace

TEST_CASE("of an index the wanted platforms are packed, and the index as it is") {
  IndexedImage image;
  image.add("s390x");
  image.add("amd64", "windows");
  image.add("amd64");
  image.add("arm64");
  const auto both = image.plan({Architecture::amd64, Architecture::arm64});
  if (!both) FAIL(both.error().text());
  CHECK(both->documents.size() == 3);
  CHECK(both->image.platforms.size() == 2);
  CHECK(both->image.platforms[0].layers.size() == 2);
  CHECK(both->blobs.size() == 2 + 2 + 1);  // configs, own layers, the shared one once
  CHECK(both->documents[0].digest == both->image.root.digest);
  const auto one = image.plan({Architecture::arm64});
  REQUIRE(one);
  CHECK(one->documents.size() == 2);
  CHECK(one->blobs.size() == 3);
  CHECK(one->image.root == both->image.root);
}

TEST_CASE("an index without a wanted platform, or with an index in it, is refused") {
  IndexedImage image;
  image.add("amd64");
  const auto missing = image.plan({Architecture::amd64, Architecture::arm64});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::invalid_input);
  CHECK(missing.error().what.contains("linux/arm64"));
  IndexedImage windows;
  windows.add("amd64", "windows");
  CHECK_FALSE(windows.plan({Architecture::amd64}));
  IndexedImage nested;
  nested.add("amd64", "linux", image::kOciIndex);
  CHECK_FALSE(nested.plan({Architecture::amd64}));
  IndexedImage inner;
  inner.add_document("amd64", std::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[]}})", image::kOciIndex), image::kOciIndex);
  const auto refused = inner.plan({Architecture::amd64});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_input);
  CHECK(refused.error().what.contains("an index inside an index"));
}

TEST_CASE("what stands in an index for nobody's platform is left out, with what it names") {
  IndexedImage image;
  image.add("unknown", "unknown");  // attestations of a builder
  image.add("arm");
  image.add("amd64");
  const auto plan = image.plan({Architecture::amd64});
  if (!plan) FAIL(plan.error().text());
  CHECK(plan->documents.size() == 2);
  CHECK(plan->blobs.size() == 3);
  CHECK(plan->image.platforms.at(0).architecture == Architecture::amd64);
}

TEST_CASE("a manifest without an index counts for the platform that its configuration names") {
  const auto plan = [](const std::string& architecture, const std::vector<Architecture>& wanted, std::string_view type = image::kOciManifest) {
    IndexedImage image;
    image.add(architecture, "linux", type);
    image.without_index = true;
    return image.plan(wanted);
  };
  for (const auto type : {image::kOciManifest, image::kDockerManifest}) {
    const auto good = plan("arm64", {Architecture::arm64}, type);
    if (!good) FAIL(good.error().text());
    CHECK(good->documents.size() == 1);
    CHECK(good->image.media_type == type);
    REQUIRE(good->image.platforms.size() == 1);
    CHECK(good->image.platforms[0].architecture == Architecture::arm64);
    CHECK(good->image.platforms[0].manifest == good->image.root);
    CHECK(good->image.platforms[0].media_type == type);
  }
  for (const auto& [architecture, wanted, lacking] : {std::tuple{"amd64", std::vector{Architecture::amd64, Architecture::arm64}, "linux/arm64"}, {"arm64", {Architecture::amd64}, "linux/amd64"},
                                                      {"s390x", {Architecture::amd64}, "linux/amd64"}}) {
    INFO(architecture);
    const auto refused = plan(architecture, wanted);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_input);
    CHECK(refused.error().what.contains(lacking));
  }
}
