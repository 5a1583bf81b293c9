// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/model.h"
#include "payload/base/format.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/files.h"

using namespace sealift;

namespace {

format::Contents with_apps() {
  format::Contents contents;
  const auto app = [&](std::string name, std::vector<std::string> needs, bool network = false) {
    contents.apps.push_back({name, format::AppKind::manifests, network, "apps/" + name, std::move(needs), ""});
  };
  app("erp", {"redis"});
  app("flannel", {}, true);
  app("redis", {});
  app("zoo", {});
  contents.launch = {"zoo", "erp", "redis"};
  contents.base_document = "base.yaml";
  return contents;
}

std::vector<std::string> names(const std::vector<steps::SelectedApp>& apps) {
  std::vector<std::string> out;
  for (const auto& app : apps) out.push_back(app.app->name);
  return out;
}

}  // namespace

TEST_CASE("applications: the network first, then what others need, ties by name") {
  const auto contents = with_apps();
  config::ClusterConfig config;
  const auto all = steps::select_apps(contents, config);
  REQUIRE(all);
  CHECK(names(*all) == std::vector<std::string>{"flannel", "redis", "erp", "zoo"});
  config.apps = std::vector<std::string>{"redis"};
  CHECK(names(*steps::select_apps(contents, config)) == std::vector<std::string>{"flannel", "redis"});
}

TEST_CASE("applications: what the longest chain waits for comes first") {
  format::Contents contents;
  const auto app = [&](const std::string& name, std::vector<std::string> needs) {
    contents.apps.push_back({name, format::AppKind::manifests, false, "apps/" + name, std::move(needs), {}});
    contents.launch.push_back(name);
  };
  app("a", {});
  app("b", {"z"});
  app("c", {"b"});
  app("m", {});
  app("n", {"m"});
  app("z", {});
  const auto all = steps::select_apps(contents, {});
  REQUIRE(all);
  CHECK(names(*all) == std::vector<std::string>{"z", "b", "m", "a", "c", "n"});
}

TEST_CASE("applications: one that is not enabled is left out, and so is refused what needs it") {
  const auto contents = with_apps();
  config::ClusterConfig config;
  config.applications.push_back({.name = "zoo", .enabled = false});
  CHECK(names(*steps::select_apps(contents, config)) == std::vector<std::string>{"flannel", "redis", "erp"});
  config.applications.push_back({.name = "redis", .enabled = false});
  const auto refused = steps::select_apps(contents, config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_config);
  CHECK(refused.error().what.contains("needs \"redis\", which is not enabled"));
}

TEST_CASE("the name of a line that brings several charts stands for all of them") {
  auto contents = with_apps();
  for (const char* name : {"shop-web", "shop-worker"})
    contents.apps.push_back({.name = name,
                             .kind = format::AppKind::helm,
                             .root = base::format("apps/{}", name),
                             .version = "1",
                             .part_of = "shop"});
  config::ClusterConfig config;
  config.apps = std::vector<std::string>{"shop", "zoo"};
  config.applications.push_back({.name = "shop", .target_namespace = "sales"});
  config.applications.push_back({.name = "shop-worker", .target_namespace = "back"});
  config.applications.push_back({.name = "zoo", .needs = {"shop"}});
  const auto selected = steps::select_apps(contents, config);
  if (!selected) FAIL(selected.error().text());
  CHECK(names(*selected) == std::vector<std::string>{"flannel", "shop-web", "shop-worker", "zoo"});
  CHECK((*selected)[1].target_namespace == "sales");
  CHECK((*selected)[2].target_namespace == "back");
  CHECK((*selected)[3].needs == std::vector<std::string>{"shop-web", "shop-worker"});
  config.apps = std::vector<std::string>{"shop-web", "zoo"};
  CHECK(
      steps::select_apps(contents, config).error().what.contains("\"shop-worker\" has settings but is not delivered"));
}

TEST_CASE("applications that can't be delivered are refused with the reason") {
  const auto contents = with_apps();
  config::ClusterConfig config;
  config.apps = std::vector<std::string>{"erp"};
  auto refused = steps::select_apps(contents, config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.contains("needs \"redis\""));
  config.apps = std::vector<std::string>{"nothing"};
  CHECK(steps::select_apps(contents, config).error().code == ErrorCode::not_in_artifact);
  config.apps = std::vector<std::string>{"redis", "zoo"};
  config.applications.push_back({.name = "redis", .needs = {"zoo"}});
  config.applications.push_back({.name = "zoo", .needs = {"redis"}});
  CHECK(steps::select_apps(contents, config).error().what.contains("circle"));
  config.applications = {{.name = "erp"}};
  CHECK(steps::select_apps(contents, config).error().what.contains("not delivered"));
}

TEST_CASE("applications that the artifact does not have may be another one's; without a base no network is added") {
  auto contents = with_apps();
  contents.base_document.reset();
  config::ClusterConfig config;
  CHECK(names(*steps::select_apps(contents, config)) == std::vector<std::string>{"redis", "erp", "zoo"});
  config.apps = std::vector<std::string>{"redis", "other", "flannel"};
  config.applications.push_back({.name = "other"});
  config.applications.push_back({.name = "redis", .needs = {"other"}});
  const auto refused = steps::select_apps(contents, config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::not_in_artifact);
  const auto is_other = [](const std::string& app) { return app == "other"; };
  const auto selected = steps::select_apps(contents, config, is_other);
  REQUIRE(selected);
  CHECK(names(*selected) == std::vector<std::string>{"flannel", "redis"});
  CHECK((*selected)[1].needs.empty());
  // what it has is its own, whoever else has it too
  CHECK(names(*steps::select_apps(contents, config, [](const std::string&) { return true; })) ==
        std::vector<std::string>{"flannel", "redis"});
}

TEST_CASE("an application's namespace, release and values are the artifact's unless the site says otherwise") {
  auto contents = with_apps();
  config::ClusterConfig config;
  const auto selected = [&](std::string_view name) {
    const auto apps = steps::select_apps(contents, config);
    if (!apps) FAIL(apps.error().text());
    return *std::ranges::find(*apps, name, [](const auto& app) { return app.app->name; });
  };
  CHECK(selected("redis").target_namespace == "default");
  CHECK(selected("redis").release == "redis");
  CHECK(selected("redis").values_set.empty());
  auto& app = *std::ranges::find(contents.apps, "redis", &format::App::name);
  app.target_namespace = "data";
  app.release = "main";
  app.values = {"values/redis/small.yaml", "values/redis/large.yaml"};
  CHECK(selected("redis").target_namespace == "data");
  CHECK(selected("redis").release == "main");
  CHECK(selected("redis").values_set == "values/redis/small.yaml");
  config.applications.push_back({.name = "redis", .target_namespace = "other", .values_set = "large.yaml"});
  CHECK(selected("redis").target_namespace == "other");
  CHECK(selected("redis").values_set == "values/redis/large.yaml");
  config.applications[0].values_set = "lager.yaml";
  const auto none = steps::select_apps(contents, config);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_in_artifact);
  CHECK(none.error().what.contains("it has small.yaml, large.yaml"));
}

TEST_CASE("the name and the address of a node") {
  config::HostConfig host;
  host.address = "10.7.0.11";
  host::Facts facts;
  facts.hostname = "Server-1";
  facts.addresses = {{"lo", "127.0.0.1", 8}, {"eth0", "10.7.0.11", 24}, {"eth1", "192.168.1.1", 24}};
  const auto node = steps::make_node(host, facts);
  REQUIRE(node);
  CHECK(node->name == "server-1");
  CHECK(node->ip == "10.7.0.11");
  host.address = "server.example";  // a name: with two addresses it is unknown which one other nodes reach
  CHECK(steps::make_node(host, facts).error().what.contains("192.168.1.1"));
  facts.addresses.pop_back();
  CHECK(steps::make_node(host, facts)->ip == "10.7.0.11");
  for (const auto* name : {"under_score", "", "LocalHost", "127", "10.7.0.11"}) {
    INFO(name);
    facts.hostname = name;
    REQUIRE_FALSE(steps::make_node(host, facts));
    CHECK(steps::make_node(host, facts).error().what.contains("set `name`"));
  }
  host.name = "n1";
  CHECK(steps::make_node(host, facts)->name == "n1");
}

TEST_CASE("templates: known names, defaults, dollar signs") {
  const std::map<std::string, std::string> variables{{"NODE_IP", "10.7.0.11"}, {"EMPTY", ""}};
  CHECK(*steps::render("ip=${NODE_IP} $${x} ${OTHER:-none} ${EMPTY:-gone} $HOME", variables, "f") ==
        "ip=10.7.0.11 ${x} none gone $HOME");
  const auto unknown = steps::render("a\nb ${WHAT}", variables, "etc/x.tmpl");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().what.starts_with("etc/x.tmpl:2:"));
  CHECK_FALSE(steps::render("${NODE_IP", variables, "f"));
}

TEST_CASE("applications: a patch belongs to one that is delivered; else it is refused with its place") {
  const auto contents = with_apps();
  config::ClusterConfig config;
  config.path = "cluster.yaml";
  config.patches.push_back({.name = "more",
                            .app = "redis",
                            .kind = "Pod",
                            .target_name = {},
                            .target_namespace = {},
                            .patch = "a: 1\n",
                            .place = {},
                            .app_place = {12, 8}});
  config.patches.push_back(config.patches.front());
  const auto all = steps::select_apps(contents, config);
  REQUIRE(all);
  CHECK(std::ranges::find(*all, "redis", [](const auto& app) { return app.app->name; })->patches.size() == 2);
  CHECK(std::ranges::find(*all, "zoo", [](const auto& app) { return app.app->name; })->patches.empty());
  config.patches[1].app = "reids";
  const auto unknown = steps::select_apps(contents, config);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::invalid_config);
  CHECK(
      unknown.error().what ==
      "cluster.yaml:12:8: the patch more is for the application \"reids\", which is not delivered; did you mean redis?");
  // of another artifact, or not wanted here for now
  CHECK(steps::select_apps(contents, config, [](const std::string&) { return true; }));
  config.patches[1].app = "zoo";
  config.applications.push_back({.name = "zoo", .enabled = false});
  CHECK(steps::select_apps(contents, config));
}
