// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/rules.h"
#include "payload/base/format.h"

#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

constexpr std::string_view kHead =
    "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: mesh}\nsource: https://mesh.example\nseenWith: [mesh 1]\n";

std::string rule(std::string_view rest) { return std::string(kHead) + std::string(rest); }

workloads::Rules rules(std::string_view text) {
  workloads::Rules out;
  const auto added = out.add(text, "rules.yaml");
  if (!added) FAIL(added.error().text());
  return out;
}

std::string refused(std::string_view text) {
  workloads::Rules out;
  const auto added = out.add(text, "rules.yaml");
  INFO(text);
  REQUIRE_FALSE(added);
  CHECK(added.error().code == ErrorCode::invalid_input);
  CHECK(added.error().what.starts_with("rules.yaml:"));
  CHECK(out.all.empty());
  return added.error().what;
}

// "image, path" of what the rule mesh found; "!text, path, why" of what it left open.
Lines made(std::string_view rest, std::string_view documents) {
  Lines out;
  const auto all = findings(documents, rules(rule(rest)));
  for (const auto& use : all.images) {
    if (use.found_by == "rule mesh") out.push_back(base::format("{}, {}", use.image, use.path));
  }
  for (const auto& one : all.unresolved) out.push_back(base::format("!{}, {}, {}", one.text, one.path, one.why));
  return out;
}

constexpr std::string_view kMap =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-config}\ndata:\n  values: |\n    global: {hub: reg.example/mesh, tag: 1.2, proxy: {image: proxyv2}}\n";
constexpr std::string_view kMesh =
    "apiVersion: mesh.example/v1\nkind: Mesh\nmetadata: {name: m}\nspec: {version: '9'}\n";
constexpr std::string_view kOperator =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: mesh-operator}\nspec: {template: {spec: {containers: [{name: m, image: 'reg.example/mesh/operator:v3', env: [{name: REGISTRY, value: own.example/}]}]}}}\n";

std::string together(std::string_view a, std::string_view b) { return base::format("{}---\n{}", a, b); }

}  // namespace

TEST_CASE("a rule puts a name together from a document inside a string, and nothing there is unresolved then") {
  CHECK(findings(kMap).unresolved.size() == 1);
  CHECK(
      made(
          "match: {kind: ConfigMap, name: mesh-*}\nparse: .data.values\nimages: ['{.global.hub}/{.global.proxy.image}:{.global.tag}']\n",
          kMap) == Lines{"reg.example/mesh/proxyv2:1.2, .data.values > .global.hub"});
}

TEST_CASE("a rule matches by group, kind, name and fields") {
  const std::string images = "images: ['reg.example/mesh/proxy:{.spec.version}']\n";
  const Lines found{"reg.example/mesh/proxy:9, .spec.version"};
  CHECK(made("match: {group: mesh.example, kind: Mesh}\n" + images, kMesh) == found);
  CHECK(
      made("match: {group: '*.example', kind: Me*, name: m, fields: {.spec.version: '9*', .spec.none: ''}}\n" + images,
           kMesh) == found);
  for (const std::string other :
       {"kind: Mesh", "group: mesh.example, kind: Net", "group: mesh.example, kind: Mesh, name: n",
        "group: mesh.example, kind: Mesh, fields: {.spec.version: '8'}",
        "group: mesh.example, kind: Mesh, fields: {.spec.none: x}"}) {
    INFO(other);
    CHECK(made("match: {" + other + "}\n" + images, kMesh).empty());
  }
}

TEST_CASE("values come from other documents, or have a default") {
  const std::string text =
      "match: {group: mesh.example, kind: Mesh}\nvalues:\n  registry:\n    from: {group: apps, kind: Deployment, name: mesh-operator}\n"
      "    field: .spec.template.spec.containers[0].env[name=REGISTRY].value\n    otherwise: reg.example\n"
      "images: ['{registry}/proxy:{.spec.version}']\n";
  CHECK(made(text, kMesh) == Lines{"reg.example/proxy:9, .spec.version"});
  CHECK(made(text, together(kMesh, kOperator)) == Lines{"own.example/proxy:9, .spec.version"});
  CHECK(made(text, together(kOperator, kMesh)) == Lines{"own.example/proxy:9, .spec.version"});
}

TEST_CASE("the tag of an operator's image can be a value") {
  const std::string text =
      "match: {group: mesh.example, kind: Mesh}\nvalues:\n  operator:\n    from: {group: apps, kind: Deployment, name: mesh-operator}\n"
      "    tagOf: .spec.template.spec.containers[0].image\nimages: ['reg.example/proxy:{operator}-{.spec.version}']\n";
  CHECK(made(text, together(kMesh, kOperator)) == Lines{"reg.example/proxy:v3-9, .spec.version"});
  CHECK(made(text, kMesh) ==
        Lines{"!reg.example/proxy:{operator}-{.spec.version}, , rule mesh: nothing says what {operator} is"});
}

TEST_CASE("a table gives the images of an operator's version, and asks for one that it does not know") {
  const auto of = [](std::string_view tag, const std::string& documents) {
    return made(
        "match: {group: mesh.example, kind: Mesh}\ntable:\n  from: {group: apps, kind: Deployment, name: mesh-operator}\n"
        "  tagOf: .spec.template.spec.containers[0].image\n  rows:\n    " +
            std::string(tag) + ": ['reg.example/a:1', 'reg.example/b:{.spec.version}']\n",
        documents);
  };
  const Lines both{"reg.example/a:1, ", "reg.example/b:9, .spec.version"};
  CHECK(of("v3", together(kMesh, kOperator)) == both);
  CHECK(of("v*", together(kMesh, kOperator)) == both);
  CHECK(
      of("v4", together(kMesh, kOperator)) ==
      Lines{
          "!v3, .spec.template.spec.containers[0].image, rule mesh: its table does not know this version, which brings "
          "images of its own"});
  CHECK(of("v3", std::string(kMesh)) ==
        Lines{"!, .spec.template.spec.containers[0].image, rule mesh: nothing says which version this is: Deployment "
              "mesh-operator is missing, or has no tag"});
  CHECK(made("match: {group: mesh.example, kind: Mesh}\ntable:\n  field: .spec.version\n  rows: {'8': ['a/b:8'], '9': "
             "['a/c:9']}\n",
             kMesh) == Lines{"a/c:9, "});
}

TEST_CASE("conditions choose images") {
  const auto with = [](std::string_view condition) {
    return made(base::format("match: {{group: mesh.example, kind: Mesh}}\nimages: [{{image: 'a/b:1', {}}}]\n",
                             condition),
                "apiVersion: mesh.example/v1\nkind: Mesh\nspec: {on: true, off: false, part: {a: b}, none: {}}\n")
        .size();
  };
  CHECK(with("when: .spec.on") == 1);
  CHECK(with("when: .spec.part") == 1);
  CHECK(with("when: .spec.off") == 0);
  CHECK(with("when: .spec.none") == 0);
  CHECK(with("when: .spec.absent") == 0);
  CHECK(with("unless: .spec.on") == 0);
  CHECK(with("unless: .spec.absent") == 1);
}

TEST_CASE("a rule that matches and lacks a field says so by its name") {
  const std::string match = "match: {group: mesh.example, kind: Mesh}\n";
  CHECK(made(match + "images: ['a/b:{.spec.absent}']\n", kMesh) ==
        Lines{"!a/b:{.spec.absent}, .spec.absent, rule mesh: nothing stands there"});
  CHECK(made(match + "images: ['a/B:{.spec.version}']\n", kMesh) ==
        Lines{"!a/B:9, .spec.version, rule mesh: made of a/B:{.spec.version}, it is no image name"});
  CHECK(made(match + "parse: .spec.absent\nimages: ['a/b:1']\n", kMesh) ==
        Lines{"!, .spec.absent, rule mesh: there is no document"});
}

TEST_CASE("what a rule ignores is omitted with its reason") {
  const auto all = findings(
      "apiVersion: mesh.example/v1\nkind: Mesh\nmetadata: {name: m}\nspec: {image: 'a/b:1', other: {image: bare}, more: {image: 'a/c:1'}}\n",
      rules(rule(
          "match: {group: mesh.example, kind: Mesh}\nignore: [{path: .spec.image, reason: a picture}, {path: .spec.o*, reason: a picture}]\n")));
  REQUIRE(all.images.size() == 1);
  CHECK(all.images[0].image == "a/c:1");
  CHECK(all.unresolved.empty());
  REQUIRE(all.omitted.size() == 2);
  CHECK(all.omitted[0].reason == "rule mesh: a picture");
}

TEST_CASE("rules are read strictly, with the place of each mistake") {
  CHECK(refused("kind: ImageRule\n") ==
        "rules.yaml:1:1: a rule begins with apiVersion: sealift.dev/v1 and kind: ImageRule");
  CHECK(refused(rule("match: {kind: A}\nimage: []\n")) == "rules.yaml:7:1: the field \"image\" is not known here");
  CHECK(refused(rule("match: {kind: A, namespace: b}\nimages: ['a:1']\n"))
            .contains("6:18: the field \"namespace\" is not known here"));
  CHECK(refused(rule("images: ['a:1']\n")).contains("the field \"match\" is missing"));
  CHECK(refused(rule("match: {name: a}\nimages: ['a:1']\n")).contains("the field \"kind\" is missing"));
  CHECK(refused(rule("match: {kind: A}\n")).contains("images, table or ignore"));
  CHECK(refused(rule("match: {kind: A}\nimages: []\n")).contains("a list of images"));
  CHECK(refused(rule("match: {kind: A}\nparse: data\nimages: ['a:1']\n")) ==
        "rules.yaml:7:1: \"data\" is not a path: it must begin with . or [");
  CHECK(refused(rule("match: {kind: A}\nimages: ['{.a..b}']\n")).contains("a key must follow each dot"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['{.a[b}']\n")).contains("a bracket is not closed"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['{.a[]}']\n")).contains("nothing stands between brackets"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['{.a b}']\n")).contains("stand in brackets"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['{registry}/a:1']\n")) ==
        "rules.yaml:7:10: {registry} is neither a path nor one of the values");
  CHECK(refused(rule("match: {kind: A}\nimages: ['{.a']\n")).contains("a brace without its partner"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['a}']\n")).contains("a brace without its partner"));
  CHECK(refused(rule("match: {kind: A}\nimages: ['A:1']\n")).contains("is not an image name"));
  CHECK(refused(rule("match: {kind: A}\nimages: [{when: .a}]\n")).contains("the field \"image\" is missing"));
  CHECK(refused(rule("match: {kind: A}\nvalues: {a: {otherwise: b}}\nimages: ['{a}']\n"))
            .contains("either field or tagOf"));
  CHECK(refused(rule("match: {kind: A}\nvalues: {a: {field: .a, tagOf: .b}}\nimages: ['{a}']\n"))
            .contains("either field or tagOf"));
  CHECK(refused(rule("match: {kind: A}\ntable: {field: .a}\n")).contains("the field \"rows\" is missing"));
  CHECK(refused(rule("match: {kind: A}\ntable: {field: .a, rows: [a]}\n")).contains("patterns and their images"));
  CHECK(refused(rule("match: {kind: A}\nignore: [{path: .a}]\n")).contains("the field \"reason\" is missing"));
  CHECK(refused(rule("match: {kind: A, fields: [a]}\nimages: ['a:1']\n")).contains("paths and patterns"));
  CHECK(
      refused(
          "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: A b}\nsource: x\nseenWith: [x]\nmatch: {kind: A}\nimages: ['a:1']\n")
          .contains("lower-case letters"));
  CHECK(
      refused(
          "apiVersion: sealift.dev/v1\nkind: ImageRule\nmetadata: {name: a}\nsource: x\nseenWith: []\nmatch: {kind: A}\nimages: ['a:1']\n")
          .contains("\"seenWith\" must be a list"));
  CHECK(refused("- a\n").contains("1:1"));
}

TEST_CASE("names of rules are unique, also over files, and a bad file adds nothing") {
  const std::string one = rule("match: {kind: A}\nimages: ['a:1']\n");
  CHECK(refused(one + "---\n" + one).contains("there is a rule mesh already"));
  auto all = rules(one);
  const auto again = all.add(one, "more.yaml");
  REQUIRE_FALSE(again);
  CHECK(again.error().what == "more.yaml:1: there is a rule mesh already");
  CHECK(all.all.size() == 1);
}

TEST_CASE("paths") {
  const auto node = yaml::parse("a: {b.c/d: [x, {name: y, v: 1}], e: null}\n", "x");
  REQUIRE(node);
  const auto text = [&](std::string_view path) {
    const auto parsed = workloads::FieldPath::parse(path);
    if (!parsed) FAIL(parsed.error().text());
    const auto* found = parsed->find(node->at(0));
    return found == nullptr ? "-" : found->as_string().value_or("+");
  };
  CHECK(text(".a[b.c/d][0]") == "x");
  CHECK(text("[a][b.c/d][name=y].v") == "1");
  CHECK(text(".a[b.c/d][2]") == "-");
  CHECK(text(".a[b.c/d][name=z].v") == "-");
  CHECK(text(".a.e") == "-");
  CHECK(text(".a") == "+");
  CHECK(workloads::FieldPath::parse(".a[b.c/d][name=y][3]")->text() == ".a[b.c/d][name=y][3]");
}
