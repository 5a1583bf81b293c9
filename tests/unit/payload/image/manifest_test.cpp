// SPDX-License-Identifier: Apache-2.0
#include "payload/image/manifest.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::image;

namespace {

const std::string kDigestText = "sha256:" + std::string(64, 'b');

std::string descriptor(std::string_view type, std::string_view more = "") {
  return std::format(R"({{"mediaType":"{}","digest":"{}","size":12{}}})", type, kDigestText, more);
}
std::string manifest(std::string_view layers, std::string_view own = kOciManifest) {
  return std::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", own,
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

TEST_CASE("an index knows the platforms") {
  const auto parsed = parse(
      std::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{},{},{},{},{}]}})", kOciIndex,
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
          "schemaVersion");
  refused(manifest(""), kDockerManifest, "says");
  refused(manifest("", "text/plain"), "", "not known");
  refused(R"({"schemaVersion":2,"layers":[]})", "", "config");
  refused(manifest(R"({"mediaType":"x","digest":"md5:1","size":1})"), "", "not sha256");
  refused(manifest(R"({"mediaType":"x","size":1})"), "", "descriptor");
  refused(manifest(std::format(R"({{"mediaType":"x","digest":"{}","size":-1}})", kDigestText)), "", "descriptor");
  refused(manifest(std::format(R"({{"mediaType":"x","digest":"{}","size":18446744073709551615}})", kDigestText)), "",
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

TEST_CASE("compression of layers by their type") {
  CHECK(layer_compression("application/vnd.oci.image.layer.v1.tar+gzip") == LayerCompression::gzip);
  CHECK(layer_compression("application/vnd.docker.image.rootfs.diff.tar.gzip") == LayerCompression::gzip);
  CHECK(layer_compression("application/vnd.oci.image.layer.v1.tar+zstd") == LayerCompression::zstd);
  CHECK(layer_compression("application/vnd.oci.image.layer.v1.tar") == LayerCompression::none);
  CHECK_FALSE(layer_compression("application/vnd.cncf.helm.chart.content.v1+bzip2"));
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
