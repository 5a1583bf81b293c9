// SPDX-License-Identifier: Apache-2.0
#include "payload/image/manifest.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::image;

namespace {

const std::string kDigestText = "sha256:" + std::string(64, 'b');

std::string descriptor(std::string_view type, std::string_view more = "") {
  return base::format(R"({{"mediaType":"{}","digest":"{}","size":12{}}})", type, kDigestText, more);
}
std::string manifest(std::string_view layers, std::string_view own = kOciManifest) {
  return base::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", own,
                      descriptor("application/vnd.oci.image.config.v1+json"), layers);
}
auto parse(const std::string& text, std::string_view type = "") { return parse_manifest(base::as_bytes(text), type); }
void refused(const std::string& text, std::string_view type, std::string_view why) {
  const auto parsed = parse(text, type);
  INFO(text.substr(0, 300));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == ErrorCode::invalid_input);
  INFO(parsed.error().text());
  CHECK(parsed.error().what.contains(why));
}

}  // namespace

TEST_CASE("a manifest of OCI and of Docker") {
  for (const auto type : {kOciManifest, kDockerManifest}) {
    const auto parsed = parse(manifest(descriptor("application/vnd.oci.image.layer.v1.tar+gzip"), type), type);
    REQUIRE(parsed);
    const auto& value = std::get<Manifest>(*parsed);
    CHECK(value.media_type == type);
    CHECK(value.config.digest.text() == kDigestText);
    REQUIRE(value.layers.size() == 1);
    CHECK(value.layers[0].size == 12);
  }
}

TEST_CASE("the type comes from the source, from the document, or from its shape") {
  CHECK(std::holds_alternative<Manifest>(*parse(manifest(""), std::string(kOciManifest) + "; charset=utf-8")));
  CHECK(std::holds_alternative<Manifest>(*parse(manifest(""), "application/json")));
  const auto bare = parse(R"({"schemaVersion":2,"manifests":[]})");
  REQUIRE(bare);
  CHECK(std::get<Index>(*bare).media_type == kOciIndex);
}

TEST_CASE("where the label and the document disagree, the document decides") {
  const auto type_of = [](const std::string& text, std::string_view label) {
    const auto parsed = parse(text, label);
    if (!parsed) FAIL(parsed.error().text());
    return std::visit([](const auto& document) { return document.media_type; }, *parsed);
  };
  const std::string untyped = base::format(R"({{"schemaVersion":2,"config":{},"layers":[]}})",
                                           descriptor("application/vnd.oci.image.config.v1+json"));
  for (const std::string_view label : {"text/plain", "application/octet-stream", "binary/octet-stream", ""}) {
    INFO(label);
    CHECK(type_of(manifest(""), label) == kOciManifest);
    CHECK(type_of(manifest("", kDockerManifest), label) == kDockerManifest);
    CHECK(type_of(untyped, label) == kOciManifest);
    CHECK(type_of(R"({"schemaVersion":2,"manifests":[]})", label) == kOciIndex);
  }
  CHECK(type_of(manifest(""), kDockerManifest) == kOciManifest);
  CHECK(type_of(manifest("", kDockerManifest), kOciManifest) == kDockerManifest);
  CHECK(type_of(untyped, kDockerManifest) == kDockerManifest);  // nothing better is known
  CHECK(type_of(untyped, std::string(kDockerManifest) + " ; charset=utf-8") == kDockerManifest);
}

TEST_CASE("an index is never read as a manifest, nor the reverse: containerd would refuse it") {
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})";
  refused(index, kOciManifest, "says application/vnd.oci.image.index.v1+json of itself");
  refused(index, kDockerManifest, "says");
  refused(manifest(""), kDockerList, "says application/vnd.oci.image.manifest.v1+json of itself");
  refused(R"({"schemaVersion":2,"manifests":[]})", kOciManifest, "config");
}

TEST_CASE("in an index, a digest of another algorithm takes no other entry away; in a manifest it is refused") {
  const std::string other =
      base::format(R"({{"mediaType":"{}","digest":"sha512:{}","size":5}})", kOciManifest, std::string(128, 'a'));
  const auto parsed =
      parse(base::format(R"({{"schemaVersion":2,"manifests":[{},{}]}})", descriptor(kOciManifest), other));
  REQUIRE(parsed);
  const auto& list = std::get<Index>(*parsed).manifests;
  REQUIRE(list.size() == 2);
  CHECK(list[0].unsupported_digest.empty());
  CHECK(list[1].unsupported_digest == "sha512:" + std::string(128, 'a'));
  refused(manifest(other), "", "not sha256");
  for (const char* digest : {"sha256:1", "sha256:", "none"})
    refused(base::format(R"({{"schemaVersion":2,"manifests":[{{"mediaType":"x","digest":"{}","size":5}}]}})", digest),
            "", "not sha256");
}

TEST_CASE("what is no container image is named as what it is") {
  const auto kind = [](std::string_view config, std::string_view layer, std::string_view artifact = "") {
    const auto parsed = parse(base::format(R"({{"schemaVersion":2,"artifactType":"{}","config":{},"layers":[{}]}})",
                                           artifact, descriptor(config), layer.empty() ? "" : descriptor(layer)));
    if (!parsed) FAIL(parsed.error().text());
    return artifact_kind(std::get<Manifest>(*parsed)).value_or("an image");
  };
  constexpr auto *kImage = "application/vnd.oci.image.config.v1+json", *kEmpty = "application/vnd.oci.empty.v1+json",
                 *kLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
  CHECK(kind(kImage, kLayer) == "an image");
  CHECK(kind("application/vnd.docker.container.image.v1+json", "") == "an image");
  CHECK(kind("application/octet-stream", kLayer) == "an image");  // its configuration decides
  CHECK(kind(kImage, kLayer, "application/vnd.example") == "an image");
  CHECK(kind("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip") ==
        "a helm chart");
  CHECK(kind(kImage, "application/vnd.dev.cosign.simplesigning.v1+json") == "a signature");
  CHECK(kind(kEmpty, "application/vnd.dev.sigstore.bundle.v0.3+json",
             "application/vnd.dev.sigstore.bundle.v0.3+json") == "a signature");
  CHECK(kind(kImage, "application/vnd.in-toto+json") == "an attestation");
  CHECK(kind(kImage, "application/spdx+json") == "a bill of materials (SBOM)");
  CHECK(kind(kEmpty, "text/plain") == "an artifact of type application/vnd.oci.empty.v1+json");
  CHECK(kind(kEmpty, "text/plain", "application/vnd.example+json") ==
        "an artifact of type application/vnd.example+json");
}

TEST_CASE("an index knows the platforms") {
  const auto parsed = parse(base::format(
      R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{},{},{},{},{}]}})", kOciIndex,
      descriptor(kOciManifest, R"(,"platform":{"os":"linux","architecture":"amd64"})"),
      descriptor(kOciManifest, R"(,"platform":{"os":"linux","architecture":"arm64","variant":"v8"})"),
      descriptor(kOciManifest, R"(,"platform":{"os":"windows","architecture":"amd64"})"),
      descriptor(kOciManifest, R"(,"platform":{"os":"unknown","architecture":"unknown"})"),
      descriptor(kOciManifest,
                 R"(,"platform":null,"annotations":{"org.opencontainers.image.ref.name":"quay.io/a:1"})")));
  REQUIRE(parsed);
  const auto& list = std::get<Index>(*parsed).manifests;
  REQUIRE(list.size() == 5);
  CHECK(list[0].platform == Platform{"linux", "amd64", ""});
  CHECK(list[1].platform == Platform{"linux", "arm64", ""});  // v8 is plain arm64
  CHECK(list[2].platform == Platform{"windows", "amd64", ""});
  CHECK(list[3].platform == Platform{"unknown", "unknown", ""});
  CHECK_FALSE(list[4].platform);
  CHECK(list[4].reference_name == "quay.io/a:1");
}

TEST_CASE("what is not usable is refused with the reason") {
  refused("", "", "not a JSON object");
  refused("[]", "", "not a JSON object");
  refused("{}", "", "schemaVersion");
  refused(R"({"schemaVersion":1,"fsLayers":[]})", "application/vnd.docker.distribution.manifest.v1+json",
          "Docker's schema 1");
  refused(R"({"schemaVersion":1,"fsLayers":[]})", "", "push the image again");
  refused(R"({"schemaVersion":2,"fsLayers":[],"config":{},"layers":[]})", "", "Docker's schema 1");
  refused(R"({"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]})", "", "OCI artifact manifest");
  refused("\n<!DOCTYPE html><title>Sign in</title>", kOciManifest, "a proxy or a login page");
  refused(manifest("", "text/plain"), "", "not known");
  refused(R"({"schemaVersion":2,"layers":[]})", "", "config");
  refused(manifest(R"({"mediaType":"x","digest":"md5:1","size":1})"), "", "not sha256");
  refused(manifest(R"({"mediaType":"x","size":1})"), "", "descriptor");
  refused(manifest(base::format(R"({{"mediaType":"x","digest":"{}","size":-1}})", kDigestText)), "", "descriptor");
  refused(manifest(base::format(R"({{"mediaType":"x","digest":"{}","size":18446744073709551615}})", kDigestText)), "",
          "bytes");
  refused(manifest(descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")), "",
          "may not be distributed");
  refused(manifest(descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")), "",
          "may not be distributed");
  refused(R"({"schemaVersion":2,"schemaVersion":2,"manifests":[]})", "", "JSON");
  refused(R"({"schemaVersion":2,"manifests":[],"layers":[]})", "", "layers");
  std::string many;
  for (int i = 0; i < 1025; ++i) many += (i == 0 ? "" : ",") + descriptor("x");
  refused(manifest(many), "", "more than 1024");
  CHECK(parse(std::string(kMaxManifestBytes + 1, ' ')).error().code == ErrorCode::limit_exceeded);
}

TEST_CASE("layers are unpacked by their first bytes, except those that OCI calls uncompressed") {
  for (const char* type :
       {"application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.diff.tar"}) {
    INFO(type);
    CHECK(layer_compression(type) == LayerCompression::by_content);
  }
  CHECK(layer_compression("application/vnd.oci.image.layer.v1.tar") == LayerCompression::never);
  for (const char* type : {"application/vnd.oci.image.layer.v1.tar+bzip2",
                           "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "text/plain", ""})
    CHECK_FALSE(layer_compression(type));
}

TEST_CASE("the platform of an image configuration") {
  const auto of = [](const std::string& text) { return parse_config_platform(base::as_bytes(text)); };
  CHECK(of(R"({"os":"linux","architecture":"arm64","variant":"v8"})").value() == Platform{"linux", "arm64", ""});
  CHECK(of(R"({"os":"windows","architecture":"amd64"})").value().text() == "windows/amd64");
  CHECK(of("{}").value().architecture.empty());
  CHECK_FALSE(of("[]"));
}

TEST_CASE("platforms have one form, as containerd knows them") {
  const auto form = [](const char* os, const char* architecture, const char* variant) {
    return Platform::normalized(os, architecture, variant).text();
  };
  CHECK(form("Linux", "AMD64", "v1") == "linux/amd64");
  CHECK(form("", "x86_64", "V3") == "linux/amd64/v3");
  CHECK(form("linux", "x86-64", "") == "linux/amd64");
  CHECK(form("linux", "i386", "sse2") == "linux/386");
  CHECK(form("linux", "aarch64", "8") == "linux/arm64");
  CHECK(form("linux", "arm64", "v8.2") == "linux/arm64/v8.2");
  CHECK(form("linux", "armhf", "") == "linux/arm/v7");
  CHECK(form("linux", "armel", "") == "linux/arm/v6");
  CHECK(form("linux", "arm", "") == "linux/arm/v7");
  CHECK(form("linux", "arm", "5") == "linux/arm/v5");
  CHECK(form("linux", "arm", "v6") == "linux/arm/v6");
}

TEST_CASE("what a host takes, the nearest first") {
  const auto far = [](const char* architecture, const char* variant, Architecture host) {
    return distance({"linux", architecture, variant}, host);
  };
  CHECK(far("amd64", "", Architecture::amd64) == 0);
  CHECK(far("386", "", Architecture::amd64) == 1);
  for (const char* variant : {"v2", "v3", "v4"}) CHECK_FALSE(far("amd64", variant, Architecture::amd64));
  CHECK_FALSE(far("arm64", "", Architecture::amd64));
  CHECK(far("arm64", "", Architecture::arm64) == 0);
  CHECK(far("arm", "v8", Architecture::arm64) == 1);
  CHECK(far("arm", "v5", Architecture::arm64) == 4);
  CHECK_FALSE(far("arm64", "v9", Architecture::arm64));
  CHECK_FALSE(far("386", "", Architecture::arm64));
  CHECK_FALSE(distance({"windows", "amd64", ""}, Architecture::amd64));
  CHECK_FALSE(distance({"linux", "amd64", "", true}, Architecture::amd64));
}
