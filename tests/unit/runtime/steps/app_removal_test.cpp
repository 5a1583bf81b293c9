// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_removal.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/forget_app.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using steps::AppData;
using steps::AppObject;
using tests::ended;
using tests::failed;
using tests::has_word;
using tests::word_after;

namespace {

constexpr std::string_view kChart =
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: store}\n---\n"
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: own}\n---\n"
    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: shop}\n";

// {"manifest":"kind: X\\n"}, as helm and the API encode it.
constexpr std::string_view kRecord = "ZXlKdFlXNXBabVZ6ZENJNklDSnJhVzVrT2lCWVhHNGlmUT09";

// The API's objects and claims, and one helm release.
struct Cluster : tests::Bench {
  std::set<std::string> objects;  // "Deployment/web"
  std::set<std::string> unknown_kinds;
  std::map<std::string, std::string> claims;  // name → label, all in "store"
  std::string release;                        // its status; empty: there is none
  std::vector<std::string> deleted;           // objects, in their order
  size_t uninstalls = 0;
  size_t stale = 0;  // so many times helm's answer is that of an earlier run
  steps::LeftBehind left;

  Cluster() {
    machine.programs["kubectl"] = [this](tests::FakeMachine&, const Command& command, const CommandIo& io) {
      return kubectl(command, std::string(base::as_text(io.input)));
    };
    machine.programs["helm"] = [this](tests::FakeMachine&, const Command& command, const CommandIo&) {
      return helm(command);
    };
  }

  Result<void> remove(const host::ArtifactRecord::App& app, AppData data = AppData::stays) {
    steps::RemoveAppStep step(app, data, std::make_shared<steps::ClusterApps>(), left);
    CHECK(check(step) == engine::StepState::needed);
    return apply(step);
  }

 private:
  static std::vector<std::string> named(const std::string& manifests) {
    std::vector<std::string> out;
    for (const auto& object : steps::objects_in(manifests)) {
      CHECK(object.target_namespace == "store");
      out.push_back(object.kind + "/" + object.name);
    }
    return out;
  }
  std::string claim_list(const std::string& label) const {
    std::string items;
    for (const auto& [name, labelled] : claims) {
      if (!label.empty() && label != "sealift.dev/application=" + labelled) continue;
      items += base::format(R"({}{{"metadata":{{"name":"{}","namespace":"store"}}}})", items.empty() ? "" : ",", name);
    }
    return R"({"items":[)" + items + "]}";
  }
  Result<ExitStatus> kubectl(const Command& command, const std::string& input) {
    if (has_word(command, "label")) {
      const auto& last = command.argv.back();
      claims.at(word_after(command, "persistentvolumeclaim")) = last.substr(last.find('=') + 1);
      return ended();
    }
    if (has_word(command, "secrets"))
      return ended(release.empty() ? "" : "store sh.helm.release.v1.shop.v1 helm.sh/release.v1 1 5m shop 1 " + release);
    if (has_word(command, "secret")) return ended(base::format(R"({{"data":{{"release":"{}"}}}})", kRecord));
    if (has_word(command, "persistentvolumeclaims")) {
      const auto selector =
          std::ranges::find_if(command.argv, [](const std::string& word) { return word.starts_with("--selector="); });
      return ended(claim_list(selector == command.argv.end() ? "" : selector->substr(11)));
    }
    if (has_word(command, "statefulset"))
      return ended(R"({"spec":{"volumeClaimTemplates":[{"metadata":{"name":"data"}}]}})");
    if (has_word(command, "delete") && has_word(command, "persistentvolumeclaim")) {
      claims.erase(word_after(command, "persistentvolumeclaim"));
      return ended();
    }
    const auto names = named(input);
    for (const auto& name : names) {
      if (unknown_kinds.contains(name.substr(0, name.find('/')))) return failed("error: no matches for kind \"Other\"");
    }
    std::string there;
    for (const auto& name : names) {
      if (has_word(command, "delete") && objects.erase(name) != 0) deleted.push_back(name);
      if (objects.contains(name)) there += name + "\n";
    }
    return ended(there);
  }
  Result<ExitStatus> helm(const Command& command) {
    CHECK(word_after(command, "--namespace") == "store");
    if (has_word(command, "history")) return ended(R"([{"revision":1,"status":"deployed","chart":"shop-1"}])");
    if (has_word(command, "manifest")) return ended(std::string(kChart));
    CHECK(has_word(command, "uninstall"));
    CHECK(has_word(command, "--wait"));
    ++uninstalls;
    if (stale == 0)
      release.clear();
    else
      --stale;
    return ended();
  }
};

host::ArtifactRecord::App manifests(std::vector<AppObject> objects) {
  return {
      .name = "web", .target_namespace = "store", .release = "web", .kind = "manifests", .objects = std::move(objects)};
}

const host::ArtifactRecord::App kShop{.name = "shop", .target_namespace = "store", .release = "shop", .kind = "helm"};

}  // namespace

TEST_CASE("remove an application: manifests go last first, kind by kind; namespaces and definitions stay") {
  Cluster cluster;
  cluster.objects = {"ConfigMap/a", "ConfigMap/b", "Deployment/web", "Namespace/store", "CustomResourceDefinition/x"};
  const auto app = manifests({{"v1", "Namespace", "", "store"},
                              {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "x"},
                              {"v1", "ConfigMap", "", "a"},
                              {"apps/v1", "Deployment", "", "web"},
                              {"v1", "ConfigMap", "store", "b"}});
  REQUIRE(cluster.remove(app));
  CHECK(cluster.deleted == std::vector<std::string>{"ConfigMap/b", "ConfigMap/a", "Deployment/web"});
  CHECK(cluster.left.namespaces == std::vector<std::string>{"store"});
  CHECK(cluster.left.definitions == std::vector<std::string>{"x"});
  CHECK(cluster.left.claims.empty());
  // Once more, as after a kill.
  cluster.deleted.clear();
  REQUIRE(cluster.remove(app));
  CHECK(cluster.deleted.empty());
  REQUIRE(cluster.remove(app, AppData::goes));
  CHECK(cluster.deleted == std::vector<std::string>{"CustomResourceDefinition/x"});
  CHECK(cluster.left.definitions.empty());
  CHECK(cluster.left.namespaces == std::vector<std::string>{"store"});
}

TEST_CASE("remove an application: objects of a kind that is gone have gone with it") {
  Cluster cluster;
  cluster.objects = {"Deployment/web"};
  cluster.unknown_kinds = {"Other"};
  REQUIRE(cluster.remove(manifests({{"apps/v1", "Deployment", "", "web"}, {"x/v1", "Other", "", "o"}})));
  CHECK(cluster.deleted == std::vector<std::string>{"Deployment/web"});
}

TEST_CASE("remove an application: helm uninstalls it; claims stay, and are known as its own") {
  Cluster cluster;
  cluster.release = "deployed";
  cluster.claims = {{"data-shop-0", ""}, {"data-shop-12", ""}, {"own", ""}, {"data-shop-x", ""}, {"other", ""}};
  REQUIRE(cluster.remove(kShop));
  CHECK(cluster.uninstalls == 1);
  CHECK(cluster.changed("replace --filename -") == 1);  // helm's record, without what stays
  CHECK(cluster.left.claims == std::vector<std::string>{"store/data-shop-0", "store/data-shop-12", "store/own"});
  CHECK(cluster.left.namespaces == std::vector<std::string>{"store"});
  // A run that was killed after that still knows them.
  cluster.left = {};
  REQUIRE(cluster.remove(kShop));
  CHECK(cluster.uninstalls == 1);
  CHECK(cluster.left.claims.size() == 3);
  REQUIRE(cluster.remove(kShop, AppData::goes));
  CHECK(cluster.claims.size() == 2);
  CHECK(cluster.claims.contains("data-shop-x"));
  CHECK(cluster.left.claims.empty());
}

TEST_CASE("remove an application: the answer of an earlier run's helm is not taken for the end") {
  Cluster cluster;
  cluster.release = "deployed";
  cluster.stale = 1;
  REQUIRE(cluster.remove(kShop));
  CHECK(cluster.uninstalls == 2);
  CHECK(cluster.release.empty());
}

TEST_CASE("an artifact is spent when it has neither base, applications nor files") {
  host::ArtifactRecord record{.name = "erp", .version = "1"};
  CHECK(steps::is_spent(record));
  record.files["/etc/x"] = {};
  CHECK_FALSE(steps::is_spent(record));
  record.files.clear();
  record.apps = {kShop};
  CHECK_FALSE(steps::is_spent(record));
  record.apps.clear();
  record.is_base = true;
  CHECK_FALSE(steps::is_spent(record));
}
