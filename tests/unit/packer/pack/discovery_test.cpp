// SPDX-License-Identifier: Apache-2.0
// Lite build: images found by rendering charts, with a shell script in helm's place.
#include "packer/resolve/discover.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "payload/base/text.h"
#include "tests/support/event_recorder.h"
#include "tests/unit/packer/pack/charts.h"

using namespace sealift;
using tests::write;

using tests::Charts;
using tests::pod;

TEST_CASE("an image that a chart names is packed without an IMAGE line, and the artifact says why") {
  const Charts project;
  const auto made = project.packed("APP erp local://erp\n");
  REQUIRE(made.contents().images.size() == 1);
  CHECK(made.contents().images[0].name == "docker.io/library/tiny:1");
  CHECK(made.contents().images[0].reason.empty());
  const auto& app = made.contents().apps.at(0);
  REQUIRE(app.uses.size() == 1);
  CHECK(app.uses[0] == format::ImageUse{"docker.io/library/tiny:1",
                                        "erp/templates/pod.yaml",
                                        "Pod/erp",
                                        ".spec.containers[0].image",
                                        "container",
                                        {"values.yaml"}});
  const auto listed = project.packed("APP erp local://erp\nIMAGE --from=oci:images tiny:1\n");
  CHECK(listed.contents().images.size() == 1);
  CHECK(listed.contents().images[0].reason == "IMAGE tiny:1");
}

TEST_CASE("paths relative to the folder of the build are found by helm, too") {
  const Charts project;
  project.set("a.yaml", "");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(project.folder.path());
  const auto done =
      project.build("FROM scratch\nAPP erp local://erp\nVALUES erp a.yaml\n", [](pack::BuildOptions& options) {
        options.tools = "tools";
        options.kubernetes_version = "v1.34.4";
        options.context = ".";
        options.images = "oci:images";
      });
  std::filesystem::current_path(before);
  if (!done) FAIL(done.error().text());
}

TEST_CASE("images are looked for under every set of values; the first one is the default") {
  const Charts project;
  project.chart("erp", "");
  project.set("small.yaml", pod("erp", "tiny:1"));
  project.set("large.yaml", pod("erp", "tiny:1") + pod("other", "quay.io/none/here:1"));
  const std::string lines = "VALUES erp small.yaml large.yaml\nAPP erp local://erp\n";
  const auto missing = project.refused("FROM scratch\n" + lines, project.with_helm());
  CHECK(missing.text().contains("quay.io/none/here:1"));
  CHECK(missing.text().contains("other/templates/pod.yaml with large.yaml"));
  const auto made = project.packed(lines + "IGNORE-IMAGE quay.io/none/* not here\n");
  const auto& app = made.contents().apps.at(0);
  CHECK(app.values == std::vector<std::string>{"values/erp/small.yaml", "values/erp/large.yaml"});
  CHECK(made.tree("values/erp/small.yaml") == "a: b\n");
  REQUIRE(app.uses.size() == 1);
  CHECK(app.uses[0].sets == std::vector<std::string>{"small.yaml", "large.yaml"});
}

TEST_CASE("helm is told what the site will be: namespace, release, version, settings") {
  const Charts project;
  project.packed("APP --set a.b=c --set=d=e erp local://erp NAMESPACE prod RELEASE main\n");
  const auto words = project.asked();
  INFO(words);
  CHECK(words.starts_with("template main "));
  for (const auto* part :
       {" --namespace prod ", " --include-crds ", " --kube-version v1.34.4", " --set a.b=c", " --set d=e"})
    CHECK(words.contains(part));
  const auto made = project.packed("CNI net local://erp\nAPP erp local://erp NAMESPACE prod RELEASE main\n");
  CHECK(made.contents().find_app("erp")->target_namespace == "prod");
  CHECK(made.contents().find_app("erp")->release == "main");
  CHECK(project.asked().contains("template net " + project.folder / "erp" + " --namespace kube-system "));
}

TEST_CASE("a chart that asks for other applications' resources is rendered with and without them") {
  const Charts project;
  constexpr std::string_view kDefinition =
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: monitors.m.example}\n"
      "spec: {group: m.example, names: {kind: Monitor}, versions: [{name: v9}]}\n";
  project.chart("operator", kDefinition);
  write(project.folder / "erp/templates/a.yaml", "{{ if .Capabilities.APIVersions.Has \"m.example/v9\" }}\n");
  write(project.folder / "erp/v9.yaml", pod("monitor", "quay.io/none/here:1"));
  project.chart("erp", pod("erp", "tiny:1"));
  const std::string lines = "APP operator local://operator\nAPP erp local://erp\n";
  CHECK(project.refused("FROM scratch\n" + lines, project.with_helm()).text().contains("Pod/monitor"));
  const auto made = project.packed(lines + "IGNORE-IMAGE quay.io/none/* not here\n");
  CHECK(made.contents().images.size() == 1);
  std::filesystem::remove(project.folder / "asked");
  std::filesystem::remove(project.folder / "erp/templates/a.yaml");
  project.packed(lines);
  CHECK_FALSE(project.asked().contains("--api-versions"));
}

TEST_CASE("a chart that can't be rendered ends the build with helm's reason and the way out") {
  const Charts project;
  write(project.folder / "erp/fails", "execution error at (erp/a.yaml:1): domain is required");
  const auto text = project.refusal("LABEL a=b\nAPP erp local://erp\n");
  INFO(text);
  CHECK(text.contains("Kubefile:3"));
  CHECK(text.contains("with values.yaml"));
  CHECK(text.contains("helm says: execution error at (erp/a.yaml:1): domain is required"));
  CHECK(text.contains("APP --set key=value"));
  CHECK(project.refused("FROM scratch\nAPP erp local://erp\n").text().contains("--kubernetes-version"));
  const auto none = project.refused("FROM scratch\nAPP erp local://erp\n",
                                    [](pack::BuildOptions& options) { options.kubernetes_version = "v1.34.4"; });
  CHECK(none.text().contains("no helm for this machine"));
  CHECK(none.text().contains("--tools"));
}

TEST_CASE("two charts can't be the same release") {
  const Charts project;
  const std::string lines = "APP erp local://erp\nAPP shop local://erp RELEASE erp";
  CHECK(project.refusal(lines + "\n").contains("Kubefile:3: erp and shop would be the same release \"erp\""));
  project.packed(lines + " NAMESPACE other\n");
  // what is not written counts, too: a network goes to kube-system, the others to default
  CHECK(project.refusal(lines + " NAMESPACE default\n").contains("the same release"));
  project.packed("CNI net local://erp RELEASE erp\nAPP erp local://erp\n");
}

TEST_CASE("a source for all images finds them by full name only") {
  const Charts project;
  project.chart("erp", pod("erp", "quay.io/other/app:1"));
  auto index = base::read_text_file(project.folder / "images/index.json", size_t{1} << 20);
  REQUIRE(index);
  write(project.folder / "images/index.json", base::replace_all(*index, "docker.io/library/tiny:1", "1"));
  const auto error = project.refused("FROM scratch\nAPP erp local://erp\n", project.with_helm());
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.text().contains("quay.io/other/app:1"));
}

TEST_CASE("what looks like an image and has no full name ends the build, unless a line settles it") {
  const Charts project;
  project.chart("erp",
                pod("erp", "tiny:1") +
                    "---\n# Source: erp/templates/cr.yaml\napiVersion: m.example/v1\nkind: Mesh\nmetadata: {name: "
                    "m}\nspec: {proxy: {image: proxyv9}}\n");
  const auto text = project.refusal("APP erp local://erp\n");
  INFO(text);
  CHECK(text.contains(
      "Kubefile:2: APP erp: erp/templates/cr.yaml with values.yaml, Mesh/m .spec.proxy.image: \"proxyv9\""));
  CHECK(text.contains("IGNORE-IMAGE"));
  project.packed("APP erp local://erp\nIGNORE-IMAGE proxyv9 the mesh is not used\n");
  project.chart("erp",
                "---\napiVersion: m.example/v1\nkind: Mesh\nmetadata: {name: m}\nspec: {proxy: {image: tiny}}\n");
  CHECK(project.refusal("APP erp local://erp\n").contains("\"tiny\""));
  project.packed("APP erp local://erp\nIMAGE --from=oci:images docker.io/library/tiny:1\n");
}

TEST_CASE("pods that only `helm test` makes are left out, and that is said") {
  const Charts project;
  project.chart("erp", pod("erp", "tiny:1") + pod("test", "quay.io/none/here:1", "{helm.sh/hook: test}"));
  tests::EventRecorder events;
  const std::string ignoring = "FROM scratch\nAPP erp local://erp\nIGNORE-IMAGE *tiny* as a test\n";
  REQUIRE(project.build(ignoring, project.with_helm(), events));
  CHECK(std::ranges::any_of(events.events(), [](const auto& event) {
    return event.message == "APP erp: left out: docker.io/library/tiny:1: as a test";
  }));
  CHECK(std::ranges::any_of(events.events(), [](const auto& event) {
    return event.message.contains("left out") && event.message.contains("quay.io/none/here:1");
  }));
  const auto with_tests =
      project.refused("FROM scratch\nAPP erp local://erp\n",
                      project.with_helm([](pack::BuildOptions& options) { options.with_tests = true; }));
  CHECK(with_tests.text().contains("quay.io/none/here:1"));
}

TEST_CASE("VALUES belongs to a chart of this Kubefile") {
  const Charts project;
  project.set("a.yaml", "");
  CHECK(project.refusal("APP erp local://erp\nVALUES epr a.yaml\n").contains("Kubefile:3:8: VALUES for \"epr\""));
  CHECK(project.refusal("APP erp local://erp\nVALUES epr a.yaml\n").contains("did you mean \"erp\""));
  CHECK(project.refusal("APP plain local://app\nVALUES plain a.yaml\n").contains("take no values"));
  CHECK(project.refusal("APP erp local://erp\nVALUES erp absent.yaml\n").contains("absent.yaml is not there"));
}

TEST_CASE("a list brings an image a line") {
  const Charts project;
  write(project.folder / "list.txt", "# ours\n\n  tiny:1 \ndocker.io/library/tiny:1\n");
  const auto made = project.packed("IMAGE --from=oci:images list.txt\n");
  REQUIRE(made.contents().images.size() == 1);
  CHECK(made.contents().images[0].reason == "IMAGE list.txt");
  write(project.folder / "list.txt", "tiny:1\n\nNot A Name\n");
  CHECK(project.refusal("IMAGE --from=oci:images list.txt\n").contains("list.txt:3"));
}

TEST_CASE("rules of the Kubefile's context are read beside those that are shipped") {
  const Charts project;
  write(project.folder / "rules.yaml", "kind: Nonsense\n");
  CHECK(project.refusal("APP erp local://erp\nIMAGE-RULES rules.yaml\n").contains("rules.yaml"));
  CHECK(project.refusal("IMAGE-RULES absent.yaml\n").contains("Kubefile:2:13"));
}

TEST_CASE("a rule finds in one application what another one's resource needs") {
  const Charts project;
  write(
      project.folder / "rules.yaml",
      "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: meshes}\nsource: https://m.example\nseenWith: [m 1]\n"
      "match: {group: m.example, kind: Mesh}\nvalues:\n  registry: {from: {kind: ConfigMap, name: mesh}, field: .data.hub}\n"
      "images: [\"{registry}/tiny:{.spec.version}\"]\n");
  project.chart("operator",
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh}\ndata: {hub: docker.io/library}\n");
  project.chart("erp", "---\napiVersion: m.example/v1\nkind: Mesh\nmetadata: {name: m}\nspec: {version: '1'}\n");
  const std::string lines = "IMAGE-RULES rules.yaml\nAPP erp local://erp\n";
  CHECK(project.refusal(lines).contains("rule"));
  const auto made = project.packed(lines + "APP operator local://operator\n");
  REQUIRE(made.contents().images.size() == 1);
  CHECK(made.contents().images[0].name == "docker.io/library/tiny:1");
  CHECK(made.contents().find_app("erp")->uses.at(0).found_by == "rule meshes");
}

TEST_CASE("rules of the Kubefile's lines are packed without charts, too; Sealift's own come with either") {
  const Charts project;
  write(project.folder / "rules.yaml",
        "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: meshes}\nsource: https://m.example\nseenWith: "
        "[m 1]\nmatch: {group: m.example, kind: Mesh}\nimages: [\"m.example/mesh:{.spec.version}\"]\n");
  const auto rules_of = [](const tests::Artifact& artifact) {
    std::vector<std::string> out;
    for (const auto& [path, file] : artifact.contents().tree) {
      if (path.starts_with("rules/")) out.push_back(path);
    }
    return out;
  };
  CHECK(rules_of(project.packed("APP app local://app\n")).empty());
  const auto with_lines = rules_of(project.packed("IMAGE-RULES rules.yaml\nAPP app local://app\n"));
  CHECK(std::ranges::contains(with_lines, "rules/rules.yaml"));
  CHECK(with_lines.size() > 1);
}

TEST_CASE("a list of the images can be had without fetching anything") {
  const Charts project;
  project.chart("erp", pod("erp", "quay.io/none/here:1"));
  write(project.folder / "Kubefile", "FROM scratch\nAPP erp local://erp\nIMAGE quay.io/none/other:1\n");
  pack::BuildOptions options;
  options.kubefile = project.folder / "Kubefile";
  options.context = project.folder.path();
  options.platforms = {Architecture::amd64};
  options.stubs = {project.folder / "stub"};
  project.with_helm()(options);
  const auto inputs =
      resolve::resolve(options, resolve::Depth::names, base::system_clock(), base::no_events(), CancelToken{});
  if (!inputs) FAIL(inputs.error().text());
  std::vector<std::string> names;
  for (const auto& image : inputs->images) names.push_back(image.reference.text());
  CHECK(names == std::vector<std::string>{"quay.io/none/other:1", "quay.io/none/here:1"});
  const auto scratch = inputs->scratch->path();
  CHECK(std::filesystem::is_directory(scratch));
}
