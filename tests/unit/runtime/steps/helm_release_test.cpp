// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/helm_release.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "tests/support/helm_release.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using steps::AppObject;

namespace {

bool is_claim(const AppObject& object) { return object.kind == "PersistentVolumeClaim"; }

json::Value unpacked(std::string_view encoded) {
  const auto outer = base::from_base64(encoded);
  REQUIRE(outer);
  const auto inner = base::from_base64(base::as_text(*outer));
  REQUIRE(inner);
  auto value = json::parse(base::as_text(*inner));
  REQUIRE(value);
  return std::move(*value);
}

}  // namespace

TEST_CASE("helm's record of a release loses the objects that are spared, and what only an upgrade would need") {
  const auto changed = steps::without_objects(tests::kHelmRecord, is_claim);
  REQUIRE(changed);
  const auto release = unpacked(*changed);
  const auto manifest = *release.at_path("manifest")->string();
  CHECK_FALSE(manifest.contains("PersistentVolumeClaim"));
  CHECK(steps::objects_in(manifest) == std::vector<AppObject>{{"apps/v1", "Deployment", "", "shop"}});
  CHECK(release.text_or("name", "") == "shop");
  CHECK(release.natural_or("version", 0) == 2);
  CHECK(release.at_path("info/status")->string()->contains("deployed"));
  CHECK(release.at_path("hooks/0/name")->string()->contains("bye"));
  CHECK(release.at_path("config/ratio")->number() == 0.5);
  CHECK(release.at_path("chart/metadata/version")->string()->contains("1.2.3"));
  CHECK(release.at_path("chart/templates") == nullptr);
  // What is written is read again: a removal that was cut begins anew.
  const auto again = steps::without_objects(*changed, is_claim);
  REQUIRE(again);
  CHECK(*again == *changed);
}

TEST_CASE("helm's record of a release: what is none is refused") {
  for (const auto* bad : {"", "!", "QUJD", "UVVKRA==", "ZTMwPQ=="}) {  // nothing, no base64, no JSON, no object
    INFO(bad);
    CHECK_FALSE(steps::without_objects(bad, is_claim));
  }
}

TEST_CASE("helm's record is replaced through kubectl's input, never its arguments") {
  tests::Bench bench;
  std::string written;
  bench.machine.programs["kubectl"] = [&](tests::FakeMachine&, const base::Command& command,
                                          const base::CommandIo& io) -> Result<base::ExitStatus> {
    CHECK_FALSE(command.text().contains("secret: "));
    if (tests::has_word(command, "replace")) {
      written = base::as_text(io.input);
      return tests::ended();
    }
    CHECK(tests::word_after(command, "secret") == "sh.helm.release.v1.shop.v2");
    CHECK(tests::has_word(command, "--namespace=store"));
    return tests::ended(base::format(
        R"({{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"x","resourceVersion":"7"}},"data":{{"release":"{}"}}}})",
        tests::kHelmRecord));
  };
  REQUIRE(steps::spare_objects(*bench.host, "shop", "store", 2, is_claim, {"remove.app.shop", ""}, {}));
  const auto secret = json::parse(written);
  REQUIRE(secret);
  CHECK(*secret->at_path("metadata/resourceVersion")->string() == "7");
  CHECK_FALSE(unpacked(*secret->at_path("data/release")->string()).at_path("manifest")->string()->contains("Claim"));
}
