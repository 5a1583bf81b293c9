// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_files.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using Strategy = config::FileChange::Strategy;

namespace {

struct Shop : tests::Site {
  std::vector<config::FileChange> changes;
  std::vector<steps::SelectedApp> apps;

  Shop() {
    config.path = "cluster.yaml";
    add_file("charts/shop/Chart.yaml", "name: shop\nversion: 1.2.3\n");
    add_file("charts/shop/templates/web.yaml", "kind: Deployment\nspec: {replicas: 1, paused: false}\n");
    add_file("charts/shop/templates/two.yaml", "kind: A\n---\nkind: B\n");
    add_file("charts/shop/templates/odd.yaml", "{{- if .Values.x }}\nkind: A\n");
    contents.apps = {{"shop", format::AppKind::helm, false, "charts/shop", {}, "1.2.3"}};
    apps = {{.app = &contents.apps[0], .target_namespace = "store", .release = "shop"}};
  }
  Result<void> change() {
    apps[0].changes = &changes;
    return steps::change_files(model().payload, config, apps);
  }
  std::string refused(const std::string& path, Strategy strategy, const std::string& data) {
    changes = {{path, strategy, data, {12, 5}}};
    const auto done = change();
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::invalid_config);
    CHECK(done.error().what.starts_with("cluster.yaml:12:5: "));
    CHECK(done.error().what.contains("shop"));
    return done.error().what;
  }
};

}  // namespace

TEST_CASE("a site's change is in the place of the packed file, merged or whole") {
  Shop shop;
  shop.changes = {{"templates/web.yaml", Strategy::merge, "spec: {replicas: 3}\n", {}},
                  {"templates/two.yaml", Strategy::overwrite, "kind: C\n", {}}};
  REQUIRE(shop.change());
  const auto texts = steps::app_texts(shop.model().payload, shop.apps[0]);
  REQUIRE(texts);
  const std::map<std::string, std::string> files(texts->begin(), texts->end());
  CHECK(files.at("Chart.yaml") == "name: shop\nversion: 1.2.3\n");
  CHECK(files.at("templates/two.yaml") == "kind: C\n");
  const auto merged = yaml::parse(files.at("templates/web.yaml"), "merged");
  REQUIRE(merged);
  CHECK(merged->front().text_at("spec/replicas") == "3");
  CHECK(merged->front().text_at("spec/paused") == "false");
  CHECK(merged->front().text_at("kind") == "Deployment");
}

TEST_CASE("a change that can't be made is refused with its place and the way out") {
  Shop shop;
  CHECK(shop.refused("templates/wep.yaml", Strategy::overwrite, "a").contains("did you mean templates/web.yaml?"));
  CHECK(shop.refused("values.yaml", Strategy::merge, "a: 1").contains("the artifact has no such file"));
  CHECK(shop.refused("templates/two.yaml", Strategy::merge, "a: 1").contains("use `strategy: overwrite`"));
  CHECK(shop.refused("templates/odd.yaml", Strategy::merge, "a: 1").contains("templates/odd.yaml:1"));
}
