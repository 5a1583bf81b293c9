// SPDX-License-Identifier: Apache-2.0
// What the artifact must hold for this site's values, found before anything is touched.
#include "runtime/images/image_check.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/fake_charts.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using checks::Finding;

namespace {

std::string deployment(std::string_view image) {
  return base::format(
      "---\n# Source: erp/templates/web.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n"
      "spec: {{template: {{spec: {{containers: [{{name: main, image: \"{}\"}}]}}}}}}\n",
      image);
}

// A chart "erp" of the artifact, selected by the site; the artifact has acme/erp:1.
struct Charts : tests::Site {
  steps::SelectedApp erp;
  tests::FakeCharts charts;

  Charts() {
    add_file("apps/erp/Chart.yaml", "apiVersion: v2\nname: erp\nversion: 1.0.0\n");
    add_file("apps/erp/templates/web.yaml", "kind: Deployment\n");
    contents.apps = {{.name = "erp", .kind = format::AppKind::helm, .root = "apps/erp", .version = "1.0.0"}};
    format::Image image;
    image.name = "docker.io/acme/erp:1";
    image.root = contents.tree.at("apps/erp/Chart.yaml").object;
    image.media_type = "application/vnd.oci.image.manifest.v1+json";
    image.platforms.push_back({Architecture::amd64, image.root, image.media_type, image.root, {image.root}});
    contents.images.push_back(std::move(image));
    erp = {.target_namespace = "default", .release = "erp"};
  }
  std::vector<Finding> check() {
    erp.app = &model().contents().apps.front();
    steps::Model selected{model().payload, config, base, {erp}, {}};
    auto found = images::check_images(selected, charts, {});
    if (!found) FAIL(found.error().text());
    return std::move(*found);
  }
  Finding only_finding() {
    auto found = check();
    REQUIRE(found.size() == 1);
    CHECK(found.front().id == "site.images");
    return std::move(found.front());
  }
  void render(std::string text) {
    charts.documents = [text](const auto&) { return text; };
  }
};

}  // namespace

TEST_CASE("images: what the artifact has is no finding; an image that it lacks blocks, with application and object") {
  Charts has;
  has.render(deployment("acme/erp:1"));
  CHECK(has.check().empty());
  Charts lacks;
  lacks.erp.values_yaml = "web:\n  image: {repository: acme/erp, tag: \"2\"}\nother: erp\nreplicas: 2\n";
  lacks.render(deployment("acme/erp:2"));
  const auto found = lacks.only_finding();
  CHECK(found.blocks());
  for (const auto* word : {"application erp", "docker.io/acme/erp:2", "Deployment/web", ".containers[0].image",
                           "erp/templates/web.yaml", "not in the artifact", ".web.image.repository",
                           ".web.image.tag in spec.values", "IMAGE docker.io/acme/erp:2"}) {
    INFO(found.text());
    CHECK(found.text().contains(word));
  }
}

TEST_CASE("images: a container that is left without an image blocks") {
  Charts site;
  site.render(deployment(""));
  const auto found = site.only_finding();
  CHECK(found.blocks());
  for (const auto* word : {"application erp", "Deployment/web", "containers[0] (main)", "erp/templates/web.yaml",
                           "correct the values of erp"}) {
    INFO(found.text());
    CHECK(found.text().contains(word));
  }
}

TEST_CASE("images: a chart is rendered as it would be installed") {
  Charts site;
  site.add_file("values/erp/large.yaml", "size: large\n");
  site.contents.apps[0].values = {"values/erp/large.yaml"};
  site.erp = {.target_namespace = "prod",
              .release = "erp-7",
              .values_set = "values/erp/large.yaml",
              .values_yaml = "b: 3\n",
              .values_file = "a: 2\n"};
  CHECK(site.check().empty());
  REQUIRE(site.charts.asked.size() == 1);
  const auto& asked = site.charts.asked.front();
  CHECK(asked.app->name == "erp");
  CHECK(asked.release == "erp-7");
  CHECK(asked.target_namespace == "prod");
  CHECK(asked.kubernetes_version == "v1.34.4");
  REQUIRE(asked.values.size() == 4);
  CHECK(asked.values[0] == "size: large\n");
  CHECK(asked.values[1].contains("podCIDR"));
  CHECK(asked.values[2] == "a: 2\n");
  CHECK(asked.values[3] == "b: 3\n");
}

TEST_CASE("images: a chart that this site's values break blocks; a helm that can't run is only told") {
  Charts broken;
  broken.charts.documents = [](const auto&) -> Result<std::string> {
    return fail(ErrorCode::invalid_input, "helm says: .Values.host is required");
  };
  const auto found = broken.only_finding();
  CHECK(found.blocks());
  CHECK(found.text().contains("erp can't be rendered with this site's values: helm says: .Values.host is required"));
  Charts unable;
  unable.charts.documents = [](const auto&) -> Result<std::string> {
    return fail(ErrorCode::permission_denied, "exec: permission denied");
  };
  const auto told = unable.only_finding();
  CHECK_FALSE(told.blocks());
  CHECK(told.text().contains("could not be checked"));
}

TEST_CASE("images: what the factory or the site says is not pulled is no finding") {
  Charts factory;
  factory.contents.ignored_images = {{"acme/debug*", "only for developers"}};
  factory.render(deployment("acme/debug:9"));
  CHECK(factory.check().empty());
  Charts site;
  site.erp.ignored_images = {"docker.io/acme/debug:*"};
  site.render(deployment("acme/debug:9"));
  CHECK(site.check().empty());
  site.render(deployment("acme/bug:9"));
  CHECK(site.check().size() == 1);
}

TEST_CASE("images: an image without a tag blocks, a setting that is no name is only told") {
  Charts site;
  site.render(deployment("acme/other"));
  const auto found = site.only_finding();
  CHECK(found.blocks());
  CHECK(found.text().contains("docker.io/acme/other:latest"));
  Charts setting;
  setting.render(
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: main, "
      "image: \"acme/erp:1\", env: [{name: SIDECAR_IMAGE, value: acme/sidecar}]}]}}}\n");
  CHECK_FALSE(setting.only_finding().blocks());
}

TEST_CASE("images: each image is told once for an application") {
  Charts site;
  site.render(deployment("acme/erp:2") + deployment("docker.io/acme/erp:2"));
  CHECK(site.check().size() == 1);
}

TEST_CASE("images: a chart that asks for resources of other applications is rendered with and without them") {
  constexpr std::string_view kDefinition =
      "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: m.acme.example}\n"
      "spec: {group: acme.example, names: {kind: Monitor}, versions: [{name: v1}]}\n";
  for (const bool asks : {true, false}) {
    Charts site;
    site.add_file("apps/erp/templates/monitor.yaml", asks ? "{{ .Capabilities.APIVersions.Has \"x\" }}" : "{}");
    site.charts.documents = [&](const images::ChartRequest& request) {
      return std::string(kDefinition) +
             (request.api_versions.contains("acme.example/v1") ? deployment("acme/more:1") : "");
    };
    CHECK(site.check().size() == (asks ? 1 : 0));
  }
}

TEST_CASE("images: rules of the artifact apply at the site") {
  Charts site;
  site.add_file("rules/acme.yaml",
                "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: acme}\nsource: https://acme.example\n"
                "seenWith: [acme 1]\nmatch: {group: acme.example, kind: Farm}\n"
                "images: [\"acme/farm:{.spec.version}\"]\n");
  site.render("apiVersion: acme.example/v1\nkind: Farm\nmetadata: {name: f}\nspec: {version: \"3\"}\n");
  CHECK(site.only_finding().text().contains("docker.io/acme/farm:3"));
}

TEST_CASE("images: manifests were proved at the factory, and an end that was asked for is no finding") {
  Charts manifests;
  manifests.contents.apps[0].kind = format::AppKind::manifests;
  CHECK(manifests.check().empty());
  CHECK(manifests.charts.asked.empty());
  Charts site;
  site.charts.documents = [](const auto&) -> Result<std::string> { return fail(ErrorCode::cancelled, "cancelled"); };
  site.erp.app = &site.model().contents().apps.front();
  steps::Model selected{site.model().payload, site.config, site.base, {site.erp}, {}};
  const auto ended = images::check_images(selected, site.charts, {});
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::cancelled);
}

TEST_CASE("images: what the site's patches make of an application is looked at, whatever they start from") {
  Charts site;
  site.render(deployment("acme/erp:2"));
  config::PatchConfig patch{.name = "image",
                            .app = "erp",
                            .kind = "Deployment",
                            .target_name = "web",
                            .target_namespace = {},
                            .patch = "a: 1\n"};
  site.erp.patches = {&patch};
  std::string made = "acme/erp:1";
  site.charts.patched = [&](const kube::Patch&, const std::string&) { return deployment(made).substr(4); };
  CHECK(site.check().empty());
  made = "acme/erp:3";
  CHECK(site.only_finding().text().contains("docker.io/acme/erp:3"));
  patch.target_name = "wep";
  const auto nothing = site.only_finding();
  CHECK(nothing.blocks());
  CHECK(nothing.text().contains(
      "erp can't be patched: the patch image matches nothing: there is no Deployment/wep (did you mean Deployment/web?)"));
}
