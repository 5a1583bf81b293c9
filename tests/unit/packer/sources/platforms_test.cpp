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
    const auto manifest = blob(std::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
                                           R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}},{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})",
                                           image::kOciManifest, config, layer, blob("shared")));
    entries_ += std::format(R"({}{{"mediaType":"{}",{},"platform":{{"architecture":"{}","os":"{}"}}}})", entries_.empty() ? "" : ",", type, manifest, architecture, os);
  }

  Result<sources::ManifestBytes> resolve(const image::Reference&, const CancelToken&) override {
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
}
