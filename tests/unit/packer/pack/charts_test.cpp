// SPDX-License-Identifier: Apache-2.0
// What is checked of charts and of what helm makes of them, besides their images.
#include "tests/unit/packer/pack/charts.h"

#include <random>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/event_recorder.h"
#include "tests/support/tar.h"

using namespace sealift;
using tests::Charts;
using tests::pod;
using tests::write;

namespace {

std::string object(std::string_view api_version, std::string_view kind, std::string_view name) {
  return base::format("---\n# Source: erp/templates/{}.yaml\napiVersion: {}\nkind: {}\nmetadata: {{name: {}}}\n", kind,
                      api_version, kind, name);
}

std::vector<std::string> warnings(const Charts& project, const std::string& lines) {
  tests::EventRecorder events;
  const auto done = project.build("FROM scratch\n" + lines, project.with_helm(), events);
  if (!done) FAIL(done.error().text());
  std::vector<std::string> out;
  for (const auto& event : events.events()) {
    if (event.level == Level::warning) out.push_back(event.message);
  }
  return out;
}

// On which helm fails.
std::string packed_chart(std::string_view chart) {
  return tests::gzip(tests::tar({{"erp/Chart.yaml", std::string(chart)}, {"erp/fails", "no reason"}}));
}

}  // namespace

TEST_CASE("an object that a chart renders twice is a warning; hooks and other renderings are others") {
  const Charts project;
  project.chart("erp", object("v1", "Secret", "s") + object("v1", "Secret", "s"));
  const auto told = warnings(project, "APP erp local://erp\n");
  REQUIRE(told.size() == 1);
  CHECK(told[0].contains(
      "Kubefile:2: APP erp: erp/templates/Secret.yaml with values.yaml: Secret/s: it is rendered twice"));
  project.chart("erp", "");
  project.set("a.yaml", object("v1", "Secret", "s"));
  project.set("b.yaml", object("v1", "Secret", "s"));
  CHECK(warnings(project, "APP erp local://erp\nVALUES erp a.yaml b.yaml\n").empty());
  const std::string hook =
      "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {helm.sh/hook: pre-install}}\n";
  project.chart("erp", hook + hook);
  CHECK(warnings(project, "APP erp local://erp\n").empty());
}

TEST_CASE("a resource whose definition is a template of the same chart is a warning; one in crds/ is in time") {
  const Charts project;
  const auto chart = [&](std::string_view folder) {
    project.chart("erp", base::format("---\n# Source: erp/{}/d.yaml\napiVersion: apiextensions.k8s.io/v1\nkind: "
                                      "CustomResourceDefinition\nmetadata: {{name: things.m.example}}\nspec: {{group: "
                                      "m.example, names: {{kind: Thing}}}}\n",
                                      folder) +
                             object("m.example/v1", "Thing", "t"));
    return warnings(project, "APP erp local://erp\n");
  };
  const auto told = chart("templates");
  REQUIRE(told.size() == 1);
  CHECK(told[0].contains("Thing/t: its definition is a template, too (erp/templates/d.yaml with values.yaml)"));
  CHECK(chart("crds").empty());
  CHECK(chart("charts/sub/crds").empty());
}

TEST_CASE("a chart that renders no object is a warning; one that does so with some values is none") {
  const Charts project;
  project.chart("erp", "# nothing\n");
  const auto told = warnings(project, "APP erp local://erp\n");
  REQUIRE(told.size() == 1);
  CHECK(told[0].ends_with("Kubefile:2: APP erp: the chart renders no object with any of its sets of values"));
  project.set("on.yaml", object("v1", "Secret", "s"));
  project.set("off.yaml", "");
  CHECK(warnings(project, "APP erp local://erp\nVALUES erp off.yaml on.yaml\n").empty());
}

TEST_CASE("a removed API version in a chart is refused, unless the chart may ask the cluster first") {
  const Charts project;
  project.chart("erp", object("policy/v1beta1", "PodDisruptionBudget", "p"));
  const auto text = project.refusal("APP erp local://erp\n");
  CHECK(
      text.contains("erp/templates/PodDisruptionBudget.yaml with values.yaml: PodDisruptionBudget/p: Kubernetes 1.25 "
                    "removed policy/v1beta1, and this artifact is for 1.34; use policy/v1"));
  write(project.folder / "erp/templates/a.yaml", "{{ if .Capabilities.APIVersions.Has \"policy/v1beta1\" }}\n");
  const auto told = warnings(project, "APP erp local://erp\n");
  REQUIRE(told.size() == 1);
  CHECK(told[0].contains("Kubernetes 1.25 removed policy/v1beta1; if the chart does not ask"));
}

TEST_CASE("a container without an image is refused in a rendering, too, once for all sets of values") {
  const Charts project;
  project.chart("erp", "");
  const std::string bad = object("v1", "Pod", "p") + "spec: {containers: [{name: c}]}\n";
  project.set("a.yaml", bad);
  project.set("b.yaml", bad);
  const auto text = project.refusal("APP erp local://erp\nVALUES erp a.yaml b.yaml\n");
  CHECK(text.contains("erp/templates/Pod.yaml with a.yaml: Pod/p: .spec.containers[0] (c) has no image"));
  CHECK_FALSE(text.contains("b.yaml"));
}

TEST_CASE("what is wrong with several charts is told at once") {
  const Charts project;
  project.chart("shop", "");
  write(project.folder / "erp/fails", "first");
  write(project.folder / "shop/fails", "second");
  const auto text = project.refusal("APP erp local://erp\nAPP shop local://shop\n");
  CHECK(text.starts_with("2 problems:"));
  CHECK(text.contains("helm says: first"));
  CHECK(text.contains("helm says: second"));
}

TEST_CASE("errors name a packed chart as it is written, not the folder that it is unpacked to") {
  const Charts project;
  write(project.folder / "erp.tgz", packed_chart("apiVersion: v2\nname: erp\n"));
  const auto read = project.refusal("APP erp local://erp.tgz\n");
  CHECK(read.contains(project.folder / "erp.tgz" + "/Chart.yaml names no version"));
  write(project.folder / "erp.tgz", packed_chart("apiVersion: v2\nname: erp\nversion: 1.0.0\n"));
  const auto rendered = project.refusal("APP erp local://erp.tgz\n");
  INFO(rendered);
  CHECK(rendered.contains("rendering " + project.folder / "erp.tgz" + " with values.yaml"));
  for (const auto& text : {read, rendered}) CHECK_FALSE(text.contains("sealift-private"));
}

TEST_CASE("a file of values may have a comma in its name; two of one name are refused") {
  const Charts project;
  write(project.folder / "a,\"b.yaml", "a: b\n");
  static_cast<void>(project.build("FROM scratch\nAPP erp local://erp\nVALUES erp 'a,\"b.yaml'\n", project.with_helm()));
  CHECK(project.asked().contains(base::format("--values \"{}/a,\"\"b.yaml\"", project.folder.path())));  // CSV
  project.set("x/a.yaml", "");
  project.set("y/a.yaml", "");
  const auto text = project.refusal("APP erp local://erp\nVALUES erp x/a.yaml y/a.yaml\n");
  CHECK(text.contains("Kubefile:3:21: "));
  CHECK(text.contains("x/a.yaml and " + project.folder / "y/a.yaml share the name"));
}

TEST_CASE("the Kubernetes version of a base can't be another one, and must be a version") {
  const Charts project;
  const auto asking = [&](const std::string& version) {
    return project.with_helm([version](pack::BuildOptions& options) { options.kubernetes_version = version; });
  };
  CHECK(project.refused("FROM scratch\nAPP erp local://erp\n", asking("1.34")).text() ==
        "--kubernetes-version 1.34: write it like v1.34.4");
  write(
      project.folder / "base.yaml",
      "apiVersion: sealift.dev/v1\nkind: Base\nmetadata: {name: k}\nspec:\n  kubernetesVersion: v1.34.4\n  criSocket: "
      "unix:///run/c.sock\n  images: {sandbox: tiny:1}\n  tools: {kubeadm: a, kubectl: a, helm: a, ctr: a}\n  files: "
      "[]\n  units: []\n");
  const auto error =
      project.refused("FROM scratch\nCOPY base.yaml base.yaml\nAPP erp local://erp\n", asking("v1.33.0"));
  CHECK(error.code == ErrorCode::usage);
  CHECK(error.text().starts_with("--kubernetes-version v1.33.0: the base has v1.34.4"));
}

TEST_CASE("a folder of --tools without the program is told") {
  const Charts project;
  std::filesystem::remove(project.folder / "tools/helm");
  CHECK(project.refusal("APP erp local://erp\n")
            .contains("the folder of --tools, " + project.folder / "tools" + ", holds no helm"));
  std::filesystem::remove(project.folder / "tools");
  CHECK(project.refused("FROM scratch\nAPP erp local://erp\n", project.with_helm())
            .text()
            .contains(project.folder / "tools" + ": there is no such folder"));
}

TEST_CASE("a line may bring several charts: each is an application, and the line's name stands for all") {
  const Charts project;
  project.chart("web", tests::pod("web", "tiny:1"));
  project.chart("work", tests::pod("work", "tiny:1"));
  project.set("a.yaml", "");
  const auto done = project.build(
      "FROM scratch\nAPP shop local://web local://work NAMESPACE sales\nVALUES shop a.yaml\nAPP erp local://erp NEEDS "
      "shop\nLAUNCH [\"shop\"]\n",
      project.with_helm());
  if (!done) FAIL(done.error().text());
  const auto artifact = tests::Project::open(project.output());
  const auto& contents = artifact.contents();
  CHECK(contents.find_app("shop") == nullptr);
  for (const char* name : {"shop-web", "shop-work"}) {
    INFO(name);
    const auto* app = contents.find_app(name);
    REQUIRE(app != nullptr);
    CHECK(app->part_of == "shop");
    CHECK(app->default_namespace() == "sales");
    CHECK(app->release_name() == name);
    CHECK(app->values == std::vector{base::format("values/{}/a.yaml", name)});
    CHECK(app->uses.size() == 1);
  }
  CHECK(contents.find_app("erp")->needs == std::vector<std::string>{"shop-web", "shop-work"});
  CHECK(contents.launch == std::vector<std::string>{"shop-web", "shop-work"});
}

TEST_CASE("several charts in a line: one release, one name twice, other names in the way") {
  const Charts project;
  project.chart("web", tests::pod("web", "tiny:1"));
  project.chart("work", tests::pod("work", "tiny:1"));
  CHECK(project.refusal("APP shop local://web local://work RELEASE main\n").contains("RELEASE names one release"));
  CHECK(project.refusal("APP shop local://web local://web\n").contains("a second chart of the name web"));
  CHECK(project.refused("FROM scratch\nAPP shop local://web local://app\n", project.with_helm())
            .text()
            .contains("is a helm chart beside sources that are none"));
  const auto taken = project.refusal("APP shop local://web local://work\nAPP shop local://erp\n");
  CHECK(taken.contains("\"shop\" is packed already"));
  project.chart("Web_1", tests::pod("web", "tiny:1"));
  CHECK(project.refusal("APP shop local://Web_1 local://work\n").contains("\"shop-Web_1\", which can't be its name"));
}

TEST_CASE("a chart whose release helm could not record is refused with the line, the set and what to do") {
  Charts project;
  std::mt19937 random(1);
  std::string large(1'200'000, '\0');
  for (auto& c : large) c = static_cast<char>(random() & 0xffU);
  write(project.folder / "erp/files/model.bin", large);
  CHECK(project.refusal("APP erp local://erp NAMESPACE a RELEASE main\n") ==
        base::format(
            "{}:2: with values.yaml, helm's record of the release main would have about 1.5 MiB, and the Secret that "
            "it is kept in takes 1.0 MiB: move large files of {} into a chart in its charts/, or let .helmignore "
            "leave out what helm does not need",
            project.folder / "Kubefile", project.folder / "erp"));
  write(project.folder / "erp/.helmignore", "files/\n");
  project.packed("APP erp local://erp\n");
}
