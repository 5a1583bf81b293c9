// SPDX-License-Identifier: Apache-2.0
#include "packer/selftest/self_test.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/event_recorder.h"
#include "tests/support/written_artifact.h"

using namespace sealift;
using tests::WrittenArtifact;

namespace {

// helm template RELEASE CHART …: prints rendered.yaml of the chart, and FILE itself for each --values FILE.
constexpr std::string_view kHelm = R"sh(#!/bin/sh
chart=$3
[ ! -f "$chart/fails" ] || { echo "Error: $(cat "$chart/fails")" >&2; exit 1; }
cat "$chart/rendered.yaml"
while [ $# -gt 0 ]; do
  case $1 in
    --values) sed 's/^# //' "$2" ;;
    --set) echo "# $2" ;;
  esac
  shift
done
)sh";

std::string pod(std::string_view name, std::string_view image) {
  return base::format(
      "---\n# Source: erp/templates/{}.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: {}}}\nspec: {{containers: "
      "[{{name: c, image: '{}'}}]}}\n",
      name, name, image);
}

struct Outcome {
  Result<void> done;
  std::vector<std::string> good, wrong;
  tests::EventRecorder events;
};

struct Product : WrittenArtifact {
  Product() {
    contents.name = "erp";
    stub(Architecture::amd64);
    file("apps/erp/Chart.yaml", "apiVersion: v2\nname: erp\nversion: 1.0.0\n");
    contents.apps.push_back({.name = "erp", .kind = format::AppKind::helm, .root = "apps/erp", .version = "1.0.0"});
    image("docker.io/acme/erp:1", manifest(Architecture::amd64, "erp"));
  }
  void rendered(const std::string& text) { file("apps/erp/rendered.yaml", text); }

  void test(Outcome& out, std::vector<std::string> settings = {}) {
    open();
    test_again(out, std::move(settings));
  }
  void test_again(Outcome& out, std::vector<std::string> settings = {}) {
    const auto tools = folder() / "tools";
    std::filesystem::create_directories(tools);
    REQUIRE(base::write_file_atomic(tools + "/helm", base::as_bytes(kHelm), 0755));
    selftest::Request request{.name = "erp.run",
                              .tools = tools,
                              .kubernetes_version = "v1.34.4",
                              .settings = std::move(settings),
                              .threads = 2};
    out.done =
        selftest::run({take_file(), take_reader(), {}}, request,
                      [&](const selftest::Part& part) { (part.is_good ? out.good : out.wrong).push_back(part.what); },
                      out.events, {});
  }
  // Of one that must not be delivered.
  std::string refusal(ErrorCode code = ErrorCode::invalid_input) {
    Outcome out;
    test(out);
    REQUIRE_FALSE(out.done);
    CHECK(out.done.error().code == code);
    CHECK_FALSE(out.wrong.empty());
    return out.done.error().text();
  }
};

}  // namespace

TEST_CASE("a good artifact passes every part") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  Outcome out;
  product.test(out);
  if (!out.done) FAIL(out.done.error().text());
  CHECK(out.wrong.empty());
  CHECK(out.good.size() == 8);
}

TEST_CASE("an image that a chart asks for and that is not packed is named with its place and what to do") {
  Product product;
  product.rendered(pod("web", "acme/erp:1") + pod("job", "acme/job:7"));
  const auto text = product.refusal();
  for (const auto* word : {"erp.run", "APP erp", "Pod/job", "erp/templates/job.yaml", "docker.io/acme/job:7",
                           "is not packed", "IMAGE docker.io/acme/job:7"}) {
    INFO(word);
    CHECK(text.contains(word));
  }
}

TEST_CASE("every set of values is rendered; what only one of them asks for counts") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  product.file("values/erp/small.yaml", "a: b\n");
  product.file("values/erp/ha.yaml",
               "# ---\n# kind: Pod\n# apiVersion: v1\n# metadata: {name: ha}\n# spec: {containers: "
               "[{name: c, image: 'acme/ha:2'}]}\n");
  product.contents.apps[0].values = {"values/erp/small.yaml", "values/erp/ha.yaml"};
  const auto text = product.refusal();
  CHECK(text.contains("docker.io/acme/ha:2"));
  CHECK(text.contains("with ha.yaml"));
}

TEST_CASE("what IGNORE-IMAGE named at the build is no finding") {
  Product product;
  product.rendered(pod("job", "acme/job:7"));
  product.contents.ignored_images = {{"acme/job*", "nobody runs it"}};
  Outcome out;
  product.test(out);
  if (!out.done) FAIL(out.done.error().text());
}

TEST_CASE("a chart that helm refuses is told with helm's words; files are called as in the artifact") {
  Product product;
  product.rendered("");
  product.file("apps/erp/fails", "a password is required");
  const auto text = product.refusal();
  CHECK(text.contains("a password is required"));
  CHECK(text.contains("apps/erp"));
  CHECK_FALSE(text.contains("/tmp"));
}

TEST_CASE("objects that the API server refuses are found in manifests and renderings") {
  Product product;
  product.rendered("---\napiVersion: v1\nkind: Pod\nmetadata: {name: Web}\nspec: {containers: []}\n");
  product.file("apps/shop/a.yaml", "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n");
  product.file("apps/shop/b.yaml", "kind: ConfigMap\nmetadata: {name: b}\n");
  product.contents.apps.push_back({.name = "shop", .root = "apps/shop"});
  const auto text = product.refusal();
  for (const auto* word : {"Pod/Web", "policy/v1beta1", "apps/shop/b.yaml:1", "no apiVersion"}) {
    INFO(word);
    CHECK(text.contains(word));
  }
}

TEST_CASE("an image that lacks a platform of the artifact is named") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  product.stub(Architecture::arm64);
  const auto text = product.refusal();
  CHECK(text.contains("docker.io/acme/erp:1 is not packed for linux/arm64"));
}

TEST_CASE("an image whose manifest says something else than the table of contents is named") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  auto odd = product.manifest(Architecture::amd64, "odd");
  odd.layers = {product.put("another layer")};
  product.image("quay.io/a/odd:1", odd);
  CHECK(product.refusal().contains("quay.io/a/odd:1 for linux/amd64: its manifest names other layers"));
}

TEST_CASE("a program that is for other machines is named") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  product.contents.stubs[0].object = product.put("#!/bin/sh\necho no program\n");
  CHECK(product.refusal().contains("what it has for linux/amd64 hosts is no program for them"));
}

TEST_CASE("applications that wait for each other are named") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  product.file("apps/shop/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  product.contents.apps.push_back({.name = "shop", .root = "apps/shop", .needs = {"erp"}});
  product.contents.apps[0].needs = {"shop"};
  CHECK(product.refusal().contains("erp NEEDS shop NEEDS erp"));
}

TEST_CASE("of a damaged artifact nothing but the damage is told") {
  Product product;
  product.rendered(pod("web", "acme/erp:1") + pod("job", "acme/job:7"));
  product.open();
  {
    auto bytes = base::read_file(product.path(), size_t{64} << 20);
    REQUIRE(bytes);
    (*bytes)[100] ^= std::byte{1};
    REQUIRE(base::write_file_atomic(product.path() + ".damaged", *bytes, 0644));
  }
  auto file = base::OpenFile::open(product.path() + ".damaged");
  REQUIRE(file);
  auto reader = format::PayloadReader::open(**file);
  REQUIRE(reader);
  std::vector<std::string> parts;
  const auto done = selftest::run({std::move(*file), std::move(*reader), {}}, {.name = "erp.run"},
                                  [&](const selftest::Part& part) {
                                    CHECK_FALSE(part.is_good);
                                    parts.push_back(part.what);
                                  },
                                  base::no_events(), {});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::corrupt);
  CHECK(done.error().text().contains("copy the file again"));
  CHECK(parts.size() == 1);
}

TEST_CASE("settings that the Kubefile gave are given again, for applications that are there") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  Outcome out;
  product.test(out, {"erp:password=x"});
  if (!out.done) FAIL(out.done.error().text());
  for (const auto& [setting, code] : {std::pair{"shop:a=b", ErrorCode::not_in_artifact}, {"a=b", ErrorCode::usage}}) {
    Product other;
    other.rendered("");
    Outcome refused;
    other.test(refused, {setting});
    REQUIRE_FALSE(refused.done);
    CHECK(refused.done.error().code == code);
  }
}

TEST_CASE("an artifact that neither makes a cluster nor has a name to be known by can't be delivered") {
  Product product;
  product.rendered(pod("web", "acme/erp:1"));
  product.contents.name.clear();
  CHECK(product.refusal().contains("neither a Kubernetes base nor a name"));
}
