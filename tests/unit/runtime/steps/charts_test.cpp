// SPDX-License-Identifier: Apache-2.0
//
// Applications that are helm charts.
#include "tests/unit/runtime/steps/two_apps.h"

using namespace sealift;
using engine::StepState;
using tests::Apps;
using tests::failed;

TEST_CASE("charts: the site's facts, then valuesFile, then values; nothing of them on a command line or left behind") {
  Apps apps;
  auto step = apps.step(apps.shop);
  auto& bench = apps.control_plane;
  bench.bring(step);
  const auto command = bench.change("upgrade");
  CHECK(command.starts_with("job sealift-app-shop: "));
  CHECK(command.contains(
      "upgrade --install shop /run/sealift/apps/shop/tree --namespace store --create-namespace --timeout 600s --output json "
      "--values /run/sealift/apps/shop/values-1.yaml --values /run/sealift/apps/shop/values-2.yaml --values /run/sealift/apps/shop/values-3.yaml"));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-1.yaml") == steps::site_values(apps.model()));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-2.yaml") == "a: 2\n");
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-3.yaml").contains("from-values"));
  for (const auto& change : bench.machine.changes) CHECK_FALSE(change.contains("from-values"));
  CHECK(apps.staged().empty());
  CHECK(apps.objects_asked.back().contains("namespace: store"));  // of the release
  // one that is too large to be printed whole is asked for
  Apps large;
  large.prints_release = false;
  auto step_of_large = large.step(large.shop);
  large.control_plane.bring(step_of_large);
  CHECK(large.objects_asked.back().contains("name: echo"));
  Apps plain;
  plain.shop.values_file.clear();
  plain.shop.values_yaml.clear();
  auto bare = plain.step(plain.shop);
  plain.control_plane.bring(bare);
  CHECK_FALSE(plain.control_plane.change("upgrade").contains("values-2"));
}

TEST_CASE("charts: a set of values comes before all others, and a release may have its own name") {
  Apps apps;
  apps.add_file("values/shop/large.yaml", "a: 1\n");
  auto without = apps.step(apps.shop);
  apps.shop.values_set = "values/shop/large.yaml";
  apps.shop.release = "main";
  auto step = apps.step(apps.shop);
  CHECK(step.inputs() != without.inputs());
  auto& bench = apps.control_plane;
  REQUIRE(bench.apply(step));
  CHECK(bench.change("upgrade").contains(
      "upgrade --install main /run/sealift/apps/shop/tree --namespace store --create-namespace --timeout 600s --output json --values "
      "/run/sealift/apps/shop/values-0.yaml --values /run/sealift/apps/shop/values-1.yaml "));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-0.yaml") == "a: 1\n");
  CHECK(apps.staged().empty());
}

TEST_CASE("charts: are told networks, cluster and version") {
  Apps apps;
  apps.config.network.pods = "10.99.0.0/16";
  const auto values = steps::site_values(apps.model());
  for (const char* text : {"global:", "sealift:", "podCIDR: \"10.99.0.0/16\"", "serviceCIDR: \"10.96.0.0/12\"",
                           "clusterName: plant7", "kubernetesVersion: v1.34.4"}) {
    INFO(text << " in\n" << values);
    CHECK(values.contains(text));
  }
}

TEST_CASE("charts: a release that a kill left pending is taken away or back, one that stands is left alone") {
  for (const auto& [left, recovers] : {std::pair{"pending-install", "uninstall shop"},
                                       {"pending-upgrade", "rollback shop"},
                                       {"pending-rollback", "rollback shop"},
                                       {"uninstalling", "uninstall shop"},
                                       {"deployed", ""},
                                       {"failed", ""}}) {
    INFO(left);
    Apps apps;
    apps.release = left;
    auto step = apps.step(apps.shop);
    apps.control_plane.bring(step);
    CHECK(apps.release == "deployed");
    CHECK(apps.control_plane.changed("sealift-recover-shop") == (*recovers == '\0' ? 0 : 1));
    if (*recovers != '\0') CHECK(apps.control_plane.change("sealift-recover-shop").contains(recovers));
  }
}

TEST_CASE("charts: a release that somebody removed is installed again") {
  Apps apps;
  auto step = apps.step(apps.shop);
  apps.control_plane.bring(step);
  apps.release.clear();
  CHECK(apps.control_plane.check(step) == StepState::done);  // asked once in a delivery
  apps.shared->forget();
  CHECK(apps.control_plane.check(step) == StepState::needed);
}

TEST_CASE("charts: patches are made by the agent as helm's post-renderer, and come to it in a file") {
  Apps apps;
  auto packed = apps.step(apps.shop);
  const config::PatchConfig patch{.name = "more",
                                  .app = "shop",
                                  .kind = "Deployment",
                                  .target_name = "echo",
                                  .target_namespace = {},
                                  .type = config::PatchConfig::Type::json,
                                  .patch = "- {op: add, path: /metadata/annotations, value: {token: hunter7}}\n"};
  apps.shop.patches = {&patch};
  auto step = apps.step(apps.shop);
  CHECK(step.inputs() != packed.inputs());
  auto other = patch;
  other.type = config::PatchConfig::Type::merge;
  apps.shop.patches = {&other};
  CHECK(apps.step(apps.shop).inputs() != step.inputs());
  apps.shop.patches = {&patch};
  apps.control_plane.bring(step);
  const auto command = apps.control_plane.change("upgrade");
  CHECK(command.contains("--post-renderer /run/sealift/apps/shop/sealift"));
  CHECK(command.contains(
      "--post-renderer-args node --post-renderer-args patch --post-renderer-args --folder --post-renderer-args "
      "/run/sealift/apps/shop --post-renderer-args --namespace --post-renderer-args store"));
  CHECK_FALSE(command.contains("hunter7"));
  const auto patches = kube::patches_of_json(apps.seen.at("/run/sealift/apps/shop/patches.json"));
  REQUIRE(patches);
  REQUIRE(patches->size() == 1);
  CHECK(patches->front().text == patch.patch);
  CHECK(patches->front().type == "json");
  CHECK(apps.staged().empty());
}

namespace {

// Something happens while somebody waits.
class WakingClock final : public Clock {
 public:
  explicit WakingClock(std::function<void()> on_sleep) : on_sleep_(std::move(on_sleep)) {}
  WallTime now() const override { return clock_.now(); }
  Duration monotonic() const override { return clock_.monotonic(); }
  void sleep(Duration duration) override {
    clock_.sleep(duration);
    on_sleep_();
  }

 private:
  tests::FakeClock clock_;
  std::function<void()> on_sleep_;
};

}  // namespace

TEST_CASE("charts: helm of an earlier run that is still at work is waited for, and its release left alone") {
  Apps apps;
  apps.release = "pending-upgrade";
  auto& bench = apps.control_plane;
  auto& unit = bench.machine.world.units["sealift-app-shop.service"];
  unit.active = true;
  int looks = 0;
  WakingClock clock([&] {
    if (++looks != 3) return;
    unit.active = false;
    apps.release = "deployed";
  });
  auto step = apps.step(apps.shop);
  CHECK(bench.check(step) == StepState::needed);
  engine::StepContext context{*bench.host, *bench.others, {}, {}, "cp1", bench.events, clock, step.id()};
  REQUIRE(step.apply(context));
  CHECK(looks == 3);
  CHECK(bench.changed("sealift-recover-shop") == 0);
  CHECK(bench.changed("job sealift-app-shop") == 1);
}
