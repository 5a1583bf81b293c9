// SPDX-License-Identifier: Apache-2.0
// tests/cli/test_sbom.py lets validators of both formats read such documents; here it is what they say.
#include "packer/sbom/documents.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "payload/json/value.h"
#include "tests/support/environment.h"
#include "tests/support/written_artifact.h"

using namespace sealift;
using tests::WrittenArtifact;

namespace {

constexpr std::string_view kLinked = "Sealift 0.9 is linked with:\n  zlib 1.3, Zlib\n  odd 2, Own licence\n\n";

// Two applications, one of them a chart with a chart in it; an image for two platforms, signed.
void fill(WrittenArtifact& artifact) {
  auto& contents = artifact.contents;
  contents.name = "shop";
  contents.version = "3.4";
  contents.bases = {hash::sha256(base::as_bytes(std::string("base")))};
  for (const auto architecture : {Architecture::amd64, Architecture::arm64})
    artifact.stub(architecture, std::string(kLinked));
  artifact.file("apps/db/Chart.yaml",
                "name: postgres\nversion: 1.2.3\nappVersion: \"17.1\"\nannotations: {artifacthub.io/license: MIT}\n");
  artifact.file("apps/db/charts/common/Chart.yaml", "name: common\nversion: 2.0.0\n");
  artifact.file("apps/web/web.yaml", "kind: ConfigMap\n");
  artifact.file("values/db/ha.yaml", "replicas: 3\n");
  artifact.file("etc/motd", "welcome\n");
  contents.host_files = {{.source = "etc/motd", .destination = "/etc/motd"}};
  contents.apps.push_back({.name = "db", .kind = format::AppKind::helm, .root = "apps/db", .version = "1.2.3"});
  contents.apps.push_back({.name = "web", .root = "apps/web", .needs = {"db"}});
  contents.apps[0].values = {"values/db/ha.yaml"};
  contents.apps[0].uses.push_back({.image = "quay.io/a/db:17"});
  const std::string labels = R"({"org.opencontainers.image.licenses":"The DB licence"})";
  const std::string_view layer = "application/vnd.oci.image.layer.v1.tar";
  artifact.index("quay.io/a/db:17", {artifact.manifest(Architecture::amd64, "one", layer, "", labels),
                                     artifact.manifest(Architecture::arm64, "two", layer, "", labels)});
  const auto tag = "sha256-" + contents.images[0].root.digest.hex() + ".sig";
  artifact.image("quay.io/a/db:" + tag,
                 artifact.manifest(Architecture::amd64, "signed", "application/vnd.dev.cosign.simplesigning.v1+json"));
}

struct Documents {
  WrittenArtifact artifact;
  sbom::Bill bill;
  Documents() {
    fill(artifact);
    auto made = sbom::bill_of(artifact.open());
    if (!made) FAIL(made.error().text());
    bill = std::move(*made);
  }
  json::Value spdx(const sbom::Created& created = {}) const { return parsed(sbom::to_spdx(bill, created)); }
  json::Value cyclonedx(const sbom::Created& created = {}) const { return parsed(sbom::to_cyclonedx(bill, created)); }
  const sbom::Component& component(sbom::Kind kind, std::string_view name) const {
    const auto at =
        std::ranges::find_if(bill.components, [&](const auto& one) { return one.kind == kind && one.name == name; });
    REQUIRE(at != bill.components.end());
    return *at;
  }
  bool has(const std::string& from, sbom::Link link, const std::string& to) const {
    return std::ranges::any_of(bill.relations, [&](const auto& relation) {
      return relation.from == from && relation.link == link && relation.to == to;
    });
  }

 private:
  static json::Value parsed(const std::string& text) {
    auto out = json::parse(text);
    REQUIRE(out);
    return *out;
  }
};

}  // namespace

TEST_CASE("a bill lists everything once, and every relation is between two that are listed") {
  const Documents documents;
  std::set<std::string> ids;
  for (const auto& component : documents.bill.components) {
    CHECK(ids.insert(component.id).second);
    CHECK(component.id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
          std::string::npos);
  }
  for (const auto& relation : documents.bill.relations) {
    CHECK(ids.contains(relation.from));
    CHECK(ids.contains(relation.to));
  }
  CHECK(documents.bill.artifact().name == "shop");
  CHECK(documents.bill.artifact().version == "3.4");
}

TEST_CASE("applications hold their files and charts, and need what they use") {
  const Documents documents;
  using enum sbom::Link;
  using sbom::Kind;
  const auto& db = documents.component(Kind::application, "postgres");
  CHECK(db.version == "1.2.3");
  CHECK(db.app_version == "17.1");
  CHECK(db.license == "MIT");
  const auto& image = documents.component(Kind::image, "quay.io/a/db");
  CHECK(image.version == "17");
  CHECK(image.license == "The DB licence");
  CHECK(documents.has(db.id, depends_on, image.id));
  CHECK(documents.has(documents.component(Kind::application, "web").id, depends_on, db.id));
  CHECK(documents.has(db.id, contains, documents.component(Kind::application, "common").id));
  CHECK(documents.has(db.id, contains, documents.component(Kind::file, "apps/db/Chart.yaml").id));
  CHECK(documents.has(db.id, contains, documents.component(Kind::file, "values/db/ha.yaml").id));
  const auto& motd = documents.component(Kind::file, "etc/motd");
  CHECK(documents.has("artifact", contains, motd.id));
  CHECK(motd.remark == "for hosts: /etc/motd (0644, all)");
  const auto& signature = documents.bill.components[static_cast<size_t>(
      std::ranges::find(documents.bill.components, Kind::attachment, &sbom::Component::kind) -
      documents.bill.components.begin())];
  CHECK(documents.has(signature.id, is_about, image.id));
  CHECK(std::ranges::count(documents.bill.components, Kind::variant, &sbom::Component::kind) == 2);
}

TEST_CASE("an image's package URL has its digest, its repository and its tag") {
  const Documents documents;
  const auto& image = documents.component(sbom::Kind::image, "quay.io/a/db");
  CHECK(image.purl == "pkg:oci/db@" + image.digest->text() + "?repository_url=quay.io/a/db&tag=17");
  const auto& variant = documents.component(sbom::Kind::variant, "quay.io/a/db");
  CHECK(variant.purl == "pkg:oci/db@" + variant.digest->text() + "?arch=amd64&repository_url=quay.io/a/db&tag=17");
}

TEST_CASE("programs have the version and the libraries that they name; two share one library") {
  const Documents documents;
  using sbom::Kind;
  const auto& program = documents.component(Kind::program, "sealift linux/arm64");
  CHECK(program.version == "0.9");
  CHECK(documents.has(program.id, sbom::Link::links_statically, documents.component(Kind::library, "zlib").id));
  CHECK(std::ranges::count(documents.bill.components, Kind::library, &sbom::Component::kind) == 2);
}

TEST_CASE("SPDX: licences that are no expression have an entry of their own") {
  const Documents documents;
  const auto spdx = documents.spdx();
  CHECK(spdx.text_or("spdxVersion", "") == "SPDX-2.3");
  std::set<std::string> texts;
  for (const auto& entry : *spdx.find("hasExtractedLicensingInfos")->elements())
    texts.insert(entry.text_or("extractedText", ""));
  CHECK(texts == std::set<std::string>{"Own licence", "The DB licence"});
  for (const auto& package : *spdx.find("packages")->elements()) {
    if (package.text_or("name", "") == "postgres") CHECK(package.text_or("licenseDeclared", "") == "MIT");
    if (package.text_or("name", "") == "quay.io/a/db")
      CHECK(package.text_or("licenseDeclared", "").starts_with("LicenseRef-"));
    if (package.text_or("name", "") == "web") CHECK(package.text_or("licenseDeclared", "") == "NOASSERTION");
  }
}

TEST_CASE("the time is what SOURCE_DATE_EPOCH says, or none") {
  const Documents documents;
  {
    const tests::Variable none("SOURCE_DATE_EPOCH", "");
    const auto created = sbom::created_by_environment();
    REQUIRE(created);
    CHECK_FALSE(*created);
    CHECK(documents.spdx(*created).at_path("creationInfo/created")->string()->starts_with("1970-01-01T00:00:00Z"));
    CHECK(documents.cyclonedx(*created).at_path("metadata/timestamp") == nullptr);
  }
  {
    const tests::Variable given("SOURCE_DATE_EPOCH", "1700000000");
    const auto created = sbom::created_by_environment();
    REQUIRE(created);
    CHECK(*documents.spdx(*created).at_path("creationInfo/created")->string() == "2023-11-14T22:13:20Z");
    CHECK(*documents.cyclonedx(*created).at_path("metadata/timestamp")->string() == "2023-11-14T22:13:20Z");
  }
  for (const auto* bad : {"x", "-1", "1.5", "99999999999999"}) {
    const tests::Variable given("SOURCE_DATE_EPOCH", bad);
    const auto created = sbom::created_by_environment();
    REQUIRE_FALSE(created);
    CHECK(created.error().code == ErrorCode::usage);
  }
}

TEST_CASE("equal artifacts have equal documents; their numbers come from the identity") {
  const Documents first, second;
  CHECK(sbom::to_spdx(first.bill, {}) == sbom::to_spdx(second.bill, {}));
  CHECK(sbom::to_cyclonedx(first.bill, {}) == sbom::to_cyclonedx(second.bill, {}));
  const auto cyclonedx = first.cyclonedx();
  const auto serial = cyclonedx.text_or("serialNumber", "");
  CHECK(serial.starts_with("urn:uuid:" + first.bill.identity.substr(0, 8) + "-" + first.bill.identity.substr(8, 4) +
                           "-8"));
  CHECK(std::string_view("89ab").contains(serial[28]));
  CHECK(first.spdx().text_or("documentNamespace", "") == "https://sealift.dev/spdx/" + first.bill.identity);
}

TEST_CASE("CycloneDX: platforms stand within their image, bases among the artifact's ancestors") {
  const Documents documents;
  const auto cyclonedx = documents.cyclonedx();
  size_t images = 0;
  for (const auto& component : *cyclonedx.find("components")->elements()) {
    if (component.text_or("type", "") != "container") continue;
    ++images;
    REQUIRE(component.find("components") != nullptr);
    CHECK(component.find("components")->elements()->size() == 2);
  }
  CHECK(images == 1);
  REQUIRE(cyclonedx.at_path("metadata/component/pedigree/ancestors") != nullptr);
  CHECK(cyclonedx.at_path("metadata/component/pedigree/ancestors")->elements()->size() == 1);
}
