// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/attachments.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/written_artifact.h"

using namespace sealift;
using tests::WrittenArtifact;

namespace {

constexpr std::string_view kSignature = "application/vnd.dev.cosign.simplesigning.v1+json";

sbom::Attachments found_in(WrittenArtifact& artifact) {
  const auto found = sbom::attachments_of(artifact.open());
  if (!found) FAIL(found.error().text());
  return *found;
}

}  // namespace

TEST_CASE("a signature is found by its tag, with the image that it is about") {
  WrittenArtifact artifact;
  const auto web = artifact.manifest(Architecture::amd64, "web");
  artifact.index("quay.io/a/web:1", {web});
  const auto tag = "sha256-" + web.manifest.digest.hex() + ".sig";
  artifact.image("quay.io/a/web:" + tag, artifact.manifest(Architecture::amd64, "signed", kSignature));
  const auto found = found_in(artifact);
  REQUIRE(found.all.size() == 1);
  CHECK(found.all[0].of == "quay.io/a/web:1");
  CHECK(found.all[0].name == "quay.io/a/web:" + tag);
  CHECK(found.all[0].kind == "signature");
  CHECK(found.all[0].media_type == kSignature);
  CHECK(found.all[0].document.digest == hash::sha256(base::as_bytes(std::string("signed"))));
  CHECK(found.other_images == std::vector<std::string>{"quay.io/a/web:1"});
}

TEST_CASE("what names its subject itself, or stands in a list of referrers, is found; the list is no image") {
  WrittenArtifact artifact;
  const auto web = artifact.manifest(Architecture::amd64, "web");
  artifact.image("quay.io/a/web:1", web);
  const auto subject = ",\"artifactType\":\"application/spdx+json\",\"subject\":" +
                       WrittenArtifact::descriptor(image::kOciManifest, web.manifest);
  const auto own = artifact.manifest(Architecture::amd64, "{\"spdx\":1}", "application/spdx+json", subject);
  artifact.image("quay.io/a/web@" + own.manifest.digest.text(), own);
  const auto listed = artifact.manifest(Architecture::amd64, "{\"att\":1}", "application/vnd.in-toto+json");
  artifact.image("quay.io/a/web@" + listed.manifest.digest.text(), listed);
  artifact.index("quay.io/a/web:sha256-" + web.manifest.digest.hex(), {listed});
  artifact.contents.images.back().platforms.clear();
  const auto found = found_in(artifact);
  CHECK(found.other_images == std::vector<std::string>{"quay.io/a/web:1"});
  REQUIRE(found.all.size() == 2);
  std::vector<std::string> kinds{found.all[0].kind, found.all[1].kind};
  std::ranges::sort(kinds);
  CHECK(kinds == std::vector<std::string>{"attestation", "bill of materials (SBOM)"});
  for (const auto& one : found.all) CHECK(one.of == "quay.io/a/web:1");
}

TEST_CASE("what is about an image that is not packed is named by that one's digest") {
  WrittenArtifact artifact;
  const auto gone = hash::sha256(base::as_bytes(std::string("gone")));
  artifact.image("quay.io/a/web:sha256-" + gone.hex() + ".sig",
                 artifact.manifest(Architecture::amd64, "signed", kSignature));
  const auto found = found_in(artifact);
  REQUIRE(found.all.size() == 1);
  CHECK(found.all[0].of == gone.text());
  CHECK(found.other_images.empty());
}
