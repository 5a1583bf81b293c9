// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_apps.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/kube/objects.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using tests::ended;
using tests::failed;
using tests::has_word;

namespace {

// A control plane that answers for Deployments of any name, but not for kinds of example.com.
struct Asked {
  tests::Bench bench{"cp1"};
  steps::ClusterApps apps;
  size_t tables = 0;
  std::vector<std::string> questions;
  std::set<std::string> gone;  // names
  std::string table;

  Asked() {
    bench.machine.programs["kubectl"] = [this](tests::FakeMachine&, const Command& command,
                                               const CommandIo& io) -> Result<ExitStatus> {
      if (has_word(command, "secrets")) {
        ++tables;
        return ended(table);
      }
      questions.emplace_back(base::as_text(io.input));
      if (questions.back().contains("example.com")) return failed("no matches for kind \"Thing\"");
      const auto documents = yaml::parse(questions.back(), "stdin");
      REQUIRE(documents);
      json::Value list = json::Value::object(), items = json::Value::array();
      for (const auto& wanted : *documents) {
        if (gone.contains(wanted.text_at("metadata/name"))) continue;
        json::Value object = json::Value::object(), metadata = json::Value::object();
        metadata.set("name", wanted.text_at("metadata/name"));
        metadata.set("namespace", wanted.text_at("metadata/namespace"));
        object.set("apiVersion", wanted.text_at("apiVersion"));
        object.set("kind", wanted.text_at("kind"));
        object.set("metadata", std::move(metadata));
        items.push_back(std::move(object));
      }
      if (items.elements()->empty()) return ended();
      if (documents->size() == 1) return ended(json::to_canonical(items.elements()->front()));  // as kubectl does
      list.set("items", std::move(items));
      return ended(json::to_canonical(list));
    };
  }
  engine::LookContext context() { return {*bench.host, bench.nobody, {}, {}}; }
  std::vector<std::string> look(const std::string& app) {
    const auto found = apps.look(context(), app);
    if (!found) FAIL(found.error().text());
    std::vector<std::string> out;
    for (const auto& object : found->objects)
      out.push_back(kube::text(object, "metadata/namespace") + "/" + kube::text(object, "metadata/name"));
    return out;
  }
};

std::vector<yaml::Node> deployment(const std::string& name, const std::string& space) {
  return steps::judged_objects("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\n", space);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what the cluster has of applications is asked once; of a release the newest revision counts") {
  Asked asked;
  asked.table =
      "store   sh.helm.release.v1.shop.v10   helm.sh/release.v1   1   1m   shop   10   pending-upgrade\n"
      "store   sh.helm.release.v1.shop.v9    helm.sh/release.v1   1   5m   shop   9    deployed\n"
      "other   sh.helm.release.v1.shop.v1    helm.sh/release.v1   1   1m   shop   1    failed\n"
      "other   sh.helm.release.v1.odd.v1     helm.sh/release.v1\n";
  asked.bench.machine.world.recorded = {{"app.shop", "aa"}, {"appendix", "bb"}, {"files.base", "cc"}};
  for (int i = 0; i < 3; ++i) {
    const auto installed = asked.apps.installed(asked.context());
    REQUIRE(installed);
    CHECK((*installed)->releases == std::map<std::pair<std::string, std::string>, std::string>{
                                        {{"shop", "store"}, "pending-upgrade"}, {{"shop", "other"}, "failed"}});
    CHECK((*installed)->records == std::map<std::string, std::string>{{"app.shop", "aa"}});
  }
  CHECK(asked.tables == 1);
  asked.apps.forget();
  REQUIRE(asked.apps.installed(asked.context()));
  CHECK(asked.tables == 2);
}

TEST_CASE("one question brings the objects of all applications that wait, each answer is seen once") {
  Asked asked;
  asked.apps.watch("a", deployment("web", "one"));
  asked.apps.watch("b", deployment("web", "two"));
  CHECK(asked.look("a") == Names{"one/web"});
  CHECK(asked.look("b") == Names{"two/web"});
  CHECK(asked.questions.size() == 1);
  CHECK(asked.look("b") == Names{"two/web"});
  CHECK(asked.questions.size() == 2);
  CHECK(asked.look("a") == Names{"one/web"});
  CHECK(asked.questions.size() == 2);
  asked.apps.unwatch("b");
  CHECK(asked.look("a") == Names{"one/web"});
  REQUIRE(asked.questions.size() == 3);
  CHECK_FALSE(asked.questions[2].contains("two"));
}

TEST_CASE("an application whose kinds the cluster does not have keeps nobody else waiting") {
  Asked asked;
  asked.apps.watch("good", deployment("web", "one"));
  asked.apps.watch("bad", steps::judged_objects("apiVersion: example.com/v1\nkind: Job\nmetadata: {name: t}\n", "x"));
  CHECK(asked.look("good") == Names{"one/web"});
  const auto bad = asked.apps.look(asked.context(), "bad");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().what.contains("no matches for kind"));
}

TEST_CASE("an object that is not there is named if it must be; what may have done its work is not") {
  Asked asked;
  asked.gone = {"web", "kinds.acme.test", "once", "hook", "data"};
  asked.apps.watch("a",
                   steps::judged_objects("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n"
                                         "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: there}\n---\n"
                                         "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
                                         "metadata: {name: kinds.acme.test}\n---\n"
                                         "apiVersion: apps/v1\nkind: Deployment\n"
                                         "metadata: {name: hook, annotations: {helm.sh/hook: post-install}}\n---\n"
                                         "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n---\n"
                                         "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\n",
                                         "store"));
  asked.apps.watch("b", deployment("web", "other"));
  const auto a = asked.apps.look(asked.context(), "a"), b = asked.apps.look(asked.context(), "b");
  REQUIRE(a);
  REQUIRE(b);
  CHECK(asked.questions.size() == 1);
  CHECK(a->objects.size() == 1);
  CHECK(a->missing == std::vector<kube::LastingObject>{{"Deployment", "store", "web"},
                                                       {"CustomResourceDefinition", "", "kinds.acme.test"}});
  CHECK(b->missing == std::vector<kube::LastingObject>{{"Deployment", "other", "web"}});
}

TEST_CASE("only objects with a health rule are asked for, by what identifies them; secrets never") {
  const auto objects = steps::judged_objects(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n---\n"
      "apiVersion: v1\nkind: List\nitems:\n"
      "- {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: own, labels: {a: b}}, spec: {replicas: 1}}\n"
      "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n---\n{{ no YAML\n---\n"
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\n",
      "store");
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].text_at("metadata/namespace") == "own");
  CHECK(objects[0].find("spec") == nullptr);
  CHECK(objects[1].text_at("metadata/name") == "once");
  CHECK(objects[1].text_at("metadata/namespace") == "store");
}
