// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/config/parse.h"

using namespace sealift;
using namespace sealift::config;

namespace {

// The document begins in line 6, its spec's fields in line 10.
ParsedConfig with_patch(std::string_view spec) {
  const auto text = base::format(
      "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {{name: x}}\nspec: {{hosts: [{{address: 10.7.0.11, role: "
      "control-plane}}]}}\n---\napiVersion: sealift.dev/v1\nkind: Patch\nmetadata: {{name: more}}\nspec:\n{}",
      spec);
  auto out = parse_cluster_config(text, "cluster.yaml", {}, [](const std::string&, size_t) -> Result<std::string> {
    return fail(ErrorCode::not_found, "no file");
  });
  if (!out) FAIL(out.error().text());
  return std::move(*out);
}

void one_problem(std::string_view spec, int line, std::string_view why) {
  const auto out = with_patch(spec);
  INFO(spec << "\n" << to_error(out.problems).what);
  REQUIRE(out.problems.size() == 1);
  CHECK(out.problems[0].line == line);
  CHECK(out.problems[0].message.contains(why));
}

constexpr std::string_view kTarget = "  target: {kind: Deployment, name: web, namespace: shop}\n";

std::string spec(std::string_view rest) { return "  app: shop\n" + std::string(kTarget) + std::string(rest); }

}  // namespace

TEST_CASE("patches: all that a site may say of one") {
  const auto out = with_patch(spec("  patch: {spec: {replicas: 3}}\n"));
  REQUIRE(out.problems.empty());
  REQUIRE(out.config.patches.size() == 1);
  const auto& patch = out.config.patches.front();
  CHECK(patch.name == "more");
  CHECK(patch.app == "shop");
  CHECK(patch.kind == "Deployment");
  CHECK(patch.target_name == "web");
  CHECK(patch.target_namespace == "shop");
  CHECK(patch.type == PatchConfig::Type::strategic);
  CHECK(patch.patch == "spec:\n  replicas: 3\n");
  CHECK(patch.app_place == Place{10, 3});
  const auto merge = with_patch(spec("  type: merge\n  patch: |\n    spec: {replicas: 3}\n"));
  REQUIRE(merge.problems.empty());
  CHECK(merge.config.patches.front().type == PatchConfig::Type::merge);
  CHECK(merge.config.patches.front().patch == "spec:\n  replicas: 3\n");
  const auto json = with_patch(spec("  type: json\n  patch: [{op: remove, path: /spec/replicas}]\n"));
  REQUIRE(json.problems.empty());
  CHECK(json.config.patches.front().type == PatchConfig::Type::json);
}

TEST_CASE("patches: each field that is wrong or missing is told with its place") {
  one_problem(std::string(kTarget) + "  patch: {a: 1}\n", 9, "\"app\"");
  one_problem("  app: shop\n  patch: {a: 1}\n", 9, "\"target\"");
  one_problem("  app: shop\n  target: {name: web}\n  patch: {a: 1}\n", 11, "\"kind\"");
  one_problem("  app: shop\n  target: web\n  patch: {a: 1}\n", 11, "target must be a mapping");
  one_problem("  app: shop\n  target: {kind: Pod, nam: a}\n  patch: {a: 1}\n", 11, "did you mean \"name\"?");
  one_problem(spec(""), 9, "\"patch\"");
  one_problem(spec("  type: jsonpatch\n  patch: {a: 1}\n"), 12, "strategic (the default), merge or json");
  one_problem(spec("  patch: [{op: remove, path: /a}]\n"), 12, "has the type json");
  one_problem(spec("  type: json\n  patch: {a: 1}\n"), 13, "must be a list of operations");
  one_problem(spec("  patch: |\n    a: [\n"), 12, "patch:");
  one_problem(spec("  patch: \"a: 1\\n---\\nb: 2\"\n"), 12, "one document");
  one_problem(spec("  patches: {a: 1}\n  patch: {a: 1}\n"), 12, "did you mean \"patch\"?");
}
