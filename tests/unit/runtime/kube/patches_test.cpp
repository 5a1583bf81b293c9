// SPDX-License-Identifier: Apache-2.0
// Which objects a site's patches concern; what kubectl makes of them is played here.
#include "runtime/kube/patches.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using kube::Patch;

namespace {

constexpr std::string_view kWeb =
    "# Source: shop/web.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web # the shop\n";
constexpr std::string_view kSite = "---\nkind: ConfigMap\nmetadata: {name: site, namespace: other}\n";

// Each patch writes its name and the object's after it.
struct Patched {
  std::vector<std::string> seen;
  Result<std::string> run(std::string_view manifests, const std::vector<Patch>& patches) {
    return kube::patch_objects(manifests, "shop", patches, [&](size_t i, const std::string& object) {
      seen.push_back(patches[i].name + ": " + object);
      return Result<std::string>(object + "by: " + patches[i].name + "\n");
    });
  }
};

Patch patch(std::string name, std::string kind, std::string target = "", std::string space = "") {
  return {std::move(name), std::move(kind), std::move(target), std::move(space), "merge", "a: 1\n"};
}

}  // namespace

TEST_CASE("patches: the object that is meant is changed, the text of all others stays as it is") {
  Patched here;
  const auto out = here.run(std::string(kWeb) + std::string(kSite), {patch("one", "ConfigMap", "site")});
  REQUIRE(out);
  CHECK(out->starts_with("---\n" + std::string(kWeb)));
  CHECK(out->ends_with("---\nkind: ConfigMap\nmetadata:\n  name: site\n  namespace: other\nby: one\n"));
  CHECK(here.seen.size() == 1);
}

TEST_CASE("patches: several of one object are made in their order, each on what the one before made") {
  Patched here;
  const auto out = here.run(kWeb, {patch("one", "Deployment"), patch("two", "Deployment", "web")});
  REQUIRE(out);
  CHECK(out->ends_with("by: one\nby: two\n"));
  REQUIRE(here.seen.size() == 2);
  CHECK(here.seen[1].ends_with("by: one\n"));
}

TEST_CASE("patches: an object without a namespace is in the application's") {
  for (const auto& [space, matches] : {std::pair{"shop", true}, {"other", false}}) {
    INFO(space);
    CHECK(Patched().run(kWeb, {patch("one", "Deployment", "web", space)}).has_value() == matches);
  }
  CHECK(Patched().run(kSite, {patch("one", "ConfigMap", "", "other")}));
  CHECK_FALSE(Patched().run(kSite, {patch("one", "ConfigMap", "", "shop")}));
}

TEST_CASE("patches: the items of a list are objects, each of them") {
  Patched here;
  const auto out = here.run(
      "kind: List\nitems:\n- {kind: Pod, metadata: {name: a}}\n- {kind: Pod, metadata: {name: b}}\n- {kind: Secret, "
      "metadata: {name: c}}\n",
      {patch("one", "Pod")});
  REQUIRE(out);
  CHECK(here.seen.size() == 2);
  CHECK(out->contains("name: b\nby: one\n---\nkind: Secret\n"));
  CHECK_FALSE(out->contains("kind: List"));
}

TEST_CASE("patches: one that matches nothing is refused, and says what there is") {
  const auto out = Patched().run(std::string(kWeb) + std::string(kSite),
                                 {patch("one", "Deployment"), patch("two", "Deployment", "wep")});
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::invalid_config);
  CHECK(out.error().what == "the patch two matches nothing: there is no Deployment/wep (did you mean Deployment/web?)");
  const auto far = Patched().run(std::string(kWeb) + std::string(kSite), {patch("one", "StatefulSet", "db", "x")});
  REQUIRE_FALSE(far);
  CHECK(far.error().what.ends_with("there is no StatefulSet/db in x; there is ConfigMap/site, Deployment/web"));
}

TEST_CASE("patches: hooks of helm are not the application's objects, since helm hands none to a post-renderer") {
  CHECK_FALSE(Patched().run("kind: Job\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n",
                            {patch("one", "Job")}));
  CHECK(Patched().run("kind: Job\nmetadata: {name: a, annotations: {other: pre-install}}\n", {patch("one", "Job")}));
}

TEST_CASE("patches: what can't be read goes on as it is; an error of kubectl names patch and object") {
  Patched here;
  const auto out = here.run("a: [\n---\nkind: Pod\nmetadata: {name: a}\n", {patch("one", "Pod")});
  REQUIRE(out);
  CHECK(out->starts_with("---\na: [\n"));
  const std::vector<Patch> patches{patch("one", "Deployment")};
  const auto refused =
      kube::patch_objects(kWeb, "shop", patches, [](size_t, const std::string&) -> Result<std::string> {
        return fail(ErrorCode::command_failed, "no such field");
      });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("the patch one of Deployment/web"));
  CHECK(refused.error().text().contains("no such field"));
}

TEST_CASE("patches: they reach a control plane whole") {
  const std::vector<Patch> patches{{"one", "Deployment", "web", "shop", "json", "- {op: remove, path: /a}\n"},
                                   patch("two", "Pod")};
  const auto read = kube::patches_of_json(kube::to_json(patches));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(kube::to_json(*read) == kube::to_json(patches));
  CHECK((*read)[0].text == patches[0].text);
  for (const auto* bad : {"", "{}", "[1]", R"([{"name":"a"}])"})
    CHECK(kube::patches_of_json(bad).error().code == ErrorCode::protocol);
}
