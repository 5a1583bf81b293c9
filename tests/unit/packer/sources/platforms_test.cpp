// SPDX-License-Identifier: Apache-2.0
// Which manifests of an image are packed: those that containerd on the hosts will request, and no others.
#include <catch2/catch_test_macros.hpp>

#include <map>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"

using namespace sealift;

namespace {

constexpr Architecture kAmd64 = Architecture::amd64, kArm64 = Architecture::arm64;

// "amd64", "arm64/v8", "windows:amd64"; "" = no platform.
std::string platform_json(std::string_view text) {
  if (text.empty()) return {};
  const size_t colon = text.find(':');
  const std::string os(colon == std::string_view::npos ? "linux" : text.substr(0, colon));
  if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
  const size_t slash = text.find('/');
  const std::string variant =
      slash == std::string_view::npos ? "" : base::format(R"(,"variant":"{}")", text.substr(slash + 1));
  return base::format(R"("os":"{}","architecture":"{}"{})", os, text.substr(0, slash), variant);
}

// Images in memory: documents that refer to each other, and the one that the name resolves to.
class Images final : public sources::ImageSource {
 public:
  std::string place_of(const image::Reference&) const override { return "here"; }
  struct Document {
    std::string text, type;
    Digest digest() const { return hash::sha256(base::as_bytes(text)); }
  };
  struct Entry {
    std::string platform;
    Document document;
  };

  // A manifest with its own layer and a shared one; its configuration has this platform.
  Document manifest(const std::string& platform, std::string_view type = image::kOciManifest) {
    const auto config = blob(base::format("{{{}}}", platform_json(platform)));
    return keep(
        base::format(
            R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
            R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}},{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})",
            type, config, blob("layer of " + platform), blob("shared")),
        type);
  }
  Document index(const std::vector<Entry>& entries, std::string_view type = image::kOciIndex) {
    std::string list;
    for (const auto& [platform, document] : entries) {
      const std::string json = platform_json(platform);
      list += base::format(R"({}{{"mediaType":"{}",{}{}}})", list.empty() ? "" : ",", document.type,
                           blob(document.text), json.empty() ? "" : base::format(R"(,"platform":{{{}}})", json));
    }
    return keep(base::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", type, list), type);
  }
  // One manifest per platform, which is in the index and in its configuration.
  Document of_platforms(const std::vector<std::string>& platforms) {
    std::vector<Entry> entries;
    for (const auto& platform : platforms) entries.push_back({platform, manifest(platform)});
    return index(entries);
  }
  Document keep(std::string text, std::string_view type) {
    blob(text);
    return {std::move(text), std::string(type)};
  }
  std::string blob(const std::string& text) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    blobs_[digest] = text;
    return base::format(R"("digest":"{}","size":{})", digest.text(), text.size());
  }

  Result<sources::ManifestBytes> resolve(const image::Reference&, std::span<const Architecture>,
                                         const CancelToken&) override {
    return sources::ManifestBytes{root_.digest(), root_.type, base::to_bytes(root_.text)};
  }
  Result<sources::ManifestBytes> manifest(const image::Reference&, const image::Descriptor& descriptor,
                                          const CancelToken&) override {
    return sources::ManifestBytes{descriptor.digest, descriptor.media_type,
                                  base::to_bytes(blobs_.at(descriptor.digest))};
  }
  Result<void> blob(const image::Reference&, const image::Descriptor& descriptor, uint64_t begin, base::Sink& sink,
                    const CancelToken&) override {
    return sink.write(base::as_bytes(blobs_.at(descriptor.digest)).subspan(begin));
  }

  Result<sources::ImagePlan> plan(Document root, const std::vector<Architecture>& wanted) {
    root_ = std::move(root);
    const auto reference = image::parse_reference("tiny:1");
    REQUIRE(reference);
    return sources::plan_image(*this, *reference, wanted, {});
  }

 private:
  std::map<Digest, std::string> blobs_;
  Document root_;
};

sources::ImagePlan planned(Images& images, const Images::Document& root, const std::vector<Architecture>& wanted) {
  auto plan = images.plan(root, wanted);
  if (!plan) FAIL(plan.error().text());
  return std::move(*plan);
}

std::string refusal(Images& images, const Images::Document& root, const std::vector<Architecture>& wanted) {
  const auto plan = images.plan(root, wanted);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == ErrorCode::invalid_input);
  return plan.error().what;
}

// The platform whose manifest is packed from an index with these.
std::string chosen(const std::vector<std::string>& platforms, Architecture host) {
  Images images;
  const auto plan = planned(images, images.of_platforms(platforms), {host});
  REQUIRE(plan.image.platforms.size() == 1);
  CHECK(plan.image.platforms[0].architecture == host);
  CHECK(plan.documents.size() == 2);
  for (const auto& platform : platforms) {
    if (images.manifest(platform).digest() == plan.image.platforms[0].manifest.digest) return platform;
  }
  return "none of them";
}

}  // namespace

TEST_CASE("of an index the wanted platforms are packed, and the index as it is") {
  Images images;
  const auto root = images.of_platforms({"s390x", "windows:amd64", "amd64", "arm64"});
  const auto both = planned(images, root, {kAmd64, kArm64});
  CHECK(both.documents.size() == 3);
  CHECK(both.image.platforms.size() == 2);
  CHECK(both.image.platforms[0].layers.size() == 2);
  CHECK(both.blobs.size() == 2 + 2 + 1);  // configs, own layers, the shared one once
  CHECK(both.documents[0].digest == both.image.root.digest);
  CHECK(both.image.inner_indexes.empty());
  CHECK(both.substitutes.empty());
  const auto one = planned(images, root, {kArm64});
  CHECK(one.documents.size() == 2);
  CHECK(one.blobs.size() == 3);
  CHECK(one.image.root == both.image.root);
}

TEST_CASE("of several variants the one is packed that containerd takes, wherever it stands") {
  CHECK(chosen({"amd64/v2", "amd64"}, kAmd64) == "amd64");
  CHECK(chosen({"amd64/v3", "amd64/v2", "amd64"}, kAmd64) == "amd64");
  CHECK(chosen({"amd64", "amd64/v2"}, kAmd64) == "amd64");
  CHECK(chosen({"amd64/v3", "amd64/v1"}, kAmd64) == "amd64/v1");
  CHECK(chosen({"386", "amd64"}, kAmd64) == "amd64");
  CHECK(chosen({"x86_64"}, kAmd64) == "x86_64");
  CHECK(chosen({":amd64"}, kAmd64) == ":amd64");  // no system given: linux
  CHECK(chosen({"arm64/v9", "arm64/v8"}, kArm64) == "arm64/v8");
  CHECK(chosen({"arm64/v8.2", "arm64"}, kArm64) == "arm64");
  CHECK(chosen({"arm/v7", "aarch64"}, kArm64) == "aarch64");
}

TEST_CASE("a platform that the hosts can run too is packed when theirs is missing, and this is told") {
  CHECK(chosen({"arm64", "amd64/v3", "386"}, kAmd64) == "386");
  CHECK(chosen({"amd64", "arm/v6", "arm/v7"}, kArm64) == "arm/v7");
  CHECK(chosen({"arm/v6", "arm"}, kArm64) == "arm");  // arm without a variant is v7
  Images images;
  CHECK(planned(images, images.of_platforms({"386"}), {kAmd64}).substitutes ==
        std::vector<std::string>{"linux/386 for linux/amd64"});
}

TEST_CASE("a variant of the hosts' CPU alone is refused: containerd would not take it") {
  Images images;
  for (const auto& [platforms, host, named] :
       {std::tuple{std::vector<std::string>{"amd64/v2", "amd64/v3"}, kAmd64, "linux/amd64/v2, linux/amd64/v3"},
        {{"arm64/v9"}, kArm64, "linux/arm64/v9"}}) {
    const auto text = refusal(images, images.of_platforms(platforms), {host});
    INFO(text);
    CHECK(text.contains(named));
    CHECK(text.contains("takes no variant"));
  }
  CHECK_FALSE(refusal(images, images.of_platforms({"arm64"}), {kAmd64}).contains("takes no variant"));
  // the same holds for a single manifest without an index
  CHECK(refusal(images, images.manifest("amd64/v3"), {kAmd64}).contains("linux/amd64/v3"));
}

TEST_CASE("an index without a wanted platform is refused with what it has") {
  Images images;
  const auto text = refusal(images, images.of_platforms({"amd64", "unknown:unknown", "s390x"}), {kAmd64, kArm64});
  CHECK(text.contains("nothing for linux/arm64 hosts, only linux/amd64, linux/s390x;"));
  refusal(images, images.of_platforms({"windows:amd64"}), {kAmd64});
  refusal(images, images.index({}), {kAmd64});
  // os.features: requires system features
  const auto features = images.keep(
      base::format(
          R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}",{},"platform":{{"os":"linux","architecture":"amd64","os.features":["x"]}}}}]}})",
          image::kOciManifest, images.blob(images.manifest("amd64").text)),
      image::kOciIndex);
  refusal(images, features, {kAmd64});
}

TEST_CASE("an index inside an index is followed and packed, each once") {
  Images images;
  const auto inner = images.of_platforms({"amd64/v3", "amd64", "arm64"});
  for (const std::string platform : {"", "amd64"}) {  // with and without its own platform
    INFO(platform);
    const auto root = images.index({{platform, inner}});
    const auto plan = planned(images, root, {kAmd64});
    REQUIRE(plan.documents.size() == 3);
    CHECK(plan.image.root.digest == root.digest());
    REQUIRE(plan.image.inner_indexes.size() == 1);
    CHECK(plan.image.inner_indexes[0].object == format::ObjectRef{inner.digest(), inner.text.size()});
    CHECK(plan.image.inner_indexes[0].media_type == image::kOciIndex);
    CHECK(plan.image.platforms.at(0).manifest.digest == images.manifest("amd64").digest());
  }
  const auto both = planned(images, images.index({{"", inner}}), {kAmd64, kArm64});
  CHECK(both.documents.size() == 4);
  CHECK(both.image.inner_indexes.size() == 1);
  // a Docker list in an OCI index
  const auto list = images.index({{"amd64", images.manifest("amd64", image::kDockerManifest)}}, image::kDockerList);
  CHECK(planned(images, images.index({{"", list}}), {kAmd64}).image.inner_indexes.at(0).media_type ==
        image::kDockerList);
  // the nearer comes first, whether it is an index or not
  CHECK(planned(images, images.index({{"", inner}, {"amd64", images.manifest("amd64")}}), {kAmd64})
            .image.inner_indexes.empty());
}

TEST_CASE("indexes inside each other have a bound; one that is no index is refused") {
  Images images;
  auto root = images.of_platforms({"amd64"});
  for (int i = 0; i < 8; ++i) root = images.index({{"", root}});
  CHECK(planned(images, root, {kAmd64}).image.inner_indexes.size() == 8);
  CHECK(refusal(images, images.index({{"", root}}), {kAmd64}).contains("more than 8 indexes"));
  refusal(images, images.index({{"amd64", {images.manifest("amd64").text, std::string(image::kOciIndex)}}}), {kAmd64});
  refusal(images, images.index({{"amd64", images.index({})}}), {kAmd64});
}

TEST_CASE("an entry without a platform counts for what its configuration names") {
  Images images;
  const auto plan = planned(images, images.index({{"", images.manifest("amd64")}}), {kAmd64});
  CHECK(plan.image.platforms.at(0).manifest.digest == images.manifest("amd64").digest());
  CHECK(plan.documents.size() == 2);
  CHECK(refusal(images, images.index({{"", images.manifest("arm64")}}), {kAmd64}).contains("linux/arm64"));
  // after all that have a platform; and only the first of several, as in containerd
  CHECK(planned(images, images.index({{"", images.manifest("386")}, {"amd64", images.manifest("amd64")}}), {kAmd64})
            .image.platforms.at(0)
            .manifest.digest == images.manifest("amd64").digest());
  CHECK(refusal(images, images.index({{"", images.manifest("arm64")}, {"", images.manifest("amd64")}}), {kAmd64})
            .contains("linux/arm64"));
}

TEST_CASE("what stands in an index for nobody's platform is left out, with what it names") {
  Images images;
  // a builder's attestations, and other systems
  const auto plan = planned(images, images.of_platforms({"unknown:unknown", "arm", "amd64"}), {kAmd64});
  CHECK(plan.documents.size() == 2);
  CHECK(plan.blobs.size() == 3);
  CHECK(plan.image.platforms.at(0).architecture == kAmd64);
}

TEST_CASE("a manifest without an index counts for the platform that its configuration names") {
  Images images;
  for (const auto type : {image::kOciManifest, image::kDockerManifest}) {
    const auto good = planned(images, images.manifest("arm64", type), {kArm64});
    CHECK(good.documents.size() == 1);
    CHECK(good.image.media_type == type);
    REQUIRE(good.image.platforms.size() == 1);
    CHECK(good.image.platforms[0].architecture == kArm64);
    CHECK(good.image.platforms[0].manifest == good.image.root);
    CHECK(good.image.platforms[0].media_type == type);
  }
  CHECK(refusal(images, images.manifest("amd64"), {kAmd64, kArm64}).contains("linux/arm64"));
  CHECK(refusal(images, images.manifest("arm64"), {kAmd64}).contains("linux/amd64"));
  CHECK(refusal(images, images.manifest("s390x"), {kAmd64}).contains("linux/amd64"));
  CHECK(refusal(images, images.manifest("windows:amd64"), {kAmd64}).contains("windows/amd64"));
}

TEST_CASE("what is no container image is called so") {
  Images images;
  const auto chart = images.keep(
      base::format(
          R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json",{}}},"layers":[]}})",
          image::kOciManifest, images.blob(R"({"name":"redis","version":"1.0.0"})")),
      image::kOciManifest);
  const auto text = refusal(images, chart, {kAmd64});
  CHECK(text.contains("is a helm chart, no container image; pack it with APP"));
  CHECK_FALSE(text.contains("--platform"));
  for (const std::string platform : {"", "amd64"})  // in an index, too
    CHECK(refusal(images, images.index({{platform, chart}}), {kAmd64}).contains("helm chart"));
  const auto other = images.keep(
      base::format(
          R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.example.config+json",{}}},"layers":[]}})",
          images.blob("{}")),
      image::kOciManifest);
  CHECK(refusal(images, other, {kAmd64}).contains("of type application/vnd.example.config+json, names no platform"));
}
