// SPDX-License-Identifier: Apache-2.0
// P10: documents inside strings, and what bounds them.
#include <chrono>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

// A ConfigMap with one entry, quoted so that any text fits.
std::string holding(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return base::format("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  f.yaml: \"{}\"\n", quoted);
}

}  // namespace

TEST_CASE("documents inside strings are walked, YAML and JSON") {
  CHECK(images(holding("proxy:\n  image: acme/proxy:1\n")) ==
        Lines{"acme/proxy:1, field, .data[f.yaml] > .proxy.image"});
  CHECK(images(holding(
            R"({"agent": {"image": "acme/agent:1", "n": 1, "x": null}, "l": [{"repository": "acme/l", "tag": 2}]})")) ==
        Lines{"acme/agent:1, field, .data[f.yaml] > .agent.image", "acme/l:2, split fields, .data[f.yaml] > .l[0]"});
  CHECK(images(holding("{image: acme/flow:1}")) == Lines{"acme/flow:1, field, .data[f.yaml] > .image"});
  CHECK(images(holding("- image: acme/a:1\n- image: acme/b:1\n")).size() == 2);
  CHECK(findings(holding("image: acme/proxy:1\n")).images[0].line == 5);
}

TEST_CASE("a pod inside a string may name its images as short as any pod") {
  CHECK(images(holding("kind: Pod\nspec:\n  containers:\n  - {name: help, image: busybox}\n")) ==
        Lines{"busybox, container, .data[f.yaml] > .spec.containers[0].image"});
}

TEST_CASE("all documents of a string are walked; one that is a template does not hide the others") {
  CHECK(names(holding("image: acme/a:1\n---\n{{- if .X }}\nimage: {{ .Y }}\n{{- end }}\n---\nimage: acme/c:1\n")) ==
        Lines{"acme/a:1", "acme/c:1"});
}

TEST_CASE("strings of variables, annotations and resources hold documents as well") {
  CHECK(
      images(
          "kind: Pod\nspec: {containers: [{name: c, env: [{name: CONFIG, value: '{\"image\": \"acme/a:1\"}'}]}]}\n") ==
      Lines{"acme/a:1, field, .spec.containers[0].env[name=CONFIG].value > .image"});
  CHECK(
      images(
          "kind: Pod\nmetadata: {annotations: {example.dev/x: '{\"image\": \"acme/a:1\"}', example.dev/proxyImage: acme/p:1}}\n") ==
      Lines{"acme/a:1, field, .metadata.annotations[example.dev/x] > .image",
            "acme/p:1, field, .metadata.annotations[example.dev/proxyImage]"});
  CHECK(
      names(
          "apiVersion: a.b/v1\nkind: Chart\nspec:\n  valuesContent: |\n    image: {repository: acme/a, tag: '3'}\n") ==
      Lines{"acme/a:3"});
}

TEST_CASE("strings are read to a depth of five") {
  std::string text = "image: acme/deep:1\n";
  for (int i = 0; i < 5; ++i) {
    CHECK(names(holding(text)) == Lines{"acme/deep:1"});
    text = holding(text);
  }
  CHECK(silent(holding(text)));
}

TEST_CASE("hostile strings cost no more than their size") {
  const auto began = std::chrono::steady_clock::now();
  std::string nested = "image: acme/a:1\n";
  for (int i = 0; i < 100; ++i) {
    std::string deeper = "image: |\n";
    for (const auto line : base::split(nested, '\n')) deeper += base::format(" {}\n", line);
    nested = std::move(deeper);
  }
  CHECK(names(holding(nested)).empty());
  for (const std::string opening : {"{", "[", "{a: ", "[[{", "- ", "? ", "a: {image: [", "- - - {"}) {
    INFO(opening);
    std::string text = "image: x\n";
    while (text.size() < size_t{1} << 20) text += opening;
    CHECK(names(holding(text)).empty());
  }
  // Without a text in them, so that only their number counts.
  std::string aliases = "image: acme/a:1\na0: &a0 [[], [], [], [], [], [], [], []]\n";
  for (int i = 1; i < 6; ++i)
    aliases += base::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  CHECK(names(holding(aliases)).empty());
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(60));
}

TEST_CASE("a chart's annotations are read as hints") {
  const auto hints = [](std::string_view text) {
    const auto chart = yaml::parse(text, "Chart.yaml");
    REQUIRE(chart);
    return workloads::annotated_images(chart->at(0));
  };
  CHECK(
      hints("annotations:\n  images: |\n    - name: a\n      image: acme/a:1\n    - name: b\n      image: acme/b:1\n  "
            "artifacthub.io/images: |\n    - image: acme/a:1\n  helm.sh/images: '[acme/c:1, plain]'\n") ==
      Lines{"acme/a:1", "acme/b:1", "acme/c:1"});
  CHECK(hints("name: a\n").empty());
  CHECK(hints("annotations: {images: '{{', category: x}\n").empty());
  CHECK(hints("annotations: [images]\n").empty());
}
