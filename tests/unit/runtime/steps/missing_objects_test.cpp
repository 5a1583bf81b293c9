// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/missing_objects.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using tests::ended;
using tests::failed;

namespace {

struct Asked {
  tests::Bench bench{"cp1"};
  std::string releases = "[]", table;
  size_t calls = 0;

  Asked() {
    bench.machine.programs["exe"] = [this](tests::FakeMachine&, const Command& command, const CommandIo&) {
      CHECK(command.argv == std::vector<std::string>{"/proc/self/exe", "node", "releases"});
      ++calls;
      return releases.empty() ? failed("The connection to the server was refused") : ended(releases);
    };
    bench.machine.programs["kubectl"] = [this](tests::FakeMachine&, const Command&, const CommandIo&) {
      ++calls;
      return ended(table);
    };
  }
  Result<std::vector<steps::MissingObject>> ask(const std::vector<host::ArtifactRecord>& records) {
    auto out = steps::missing_objects(*bench.host, records, {});
    CHECK(bench.machine.changes.empty());
    return out;
  }
};

host::ArtifactRecord record() {
  host::ArtifactRecord out;
  out.apps = {{.name = "echo",
               .target_namespace = "web",
               .release = "echo",
               .objects = {{"apps/v1", "Deployment", "", "echo"},
                           {"apps/v1", "DaemonSet", "own", "agent"},
                           {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.example.com"},
                           {"v1", "ConfigMap", "", "settings"},
                           {"batch/v1", "Job", "", "once"}}},
              {.name = "shop", .target_namespace = "store", .release = "shop"}};
  return out;
}

}  // namespace

TEST_CASE("missing objects: of manifests by what is recorded, of charts by their releases, in two calls") {
  Asked asked;
  asked.releases =
      R"([{"release":"shop","namespace":"store","objects":[{"kind":"Deployment","namespace":"store","name":"web"},)"
      R"({"kind":"StatefulSet","namespace":"store","name":"db"}]},)"
      R"({"release":"shop","namespace":"elsewhere","objects":[{"kind":"Deployment","namespace":"elsewhere","name":"web"}]}])";
  const std::string all =
      "Deployment                 web      echo\n"
      "DaemonSet                  own      agent\n"
      "CustomResourceDefinition   <none>   things.example.com\n"
      "Deployment                 store    web\n"
      "StatefulSet                store    db\n"
      "Deployment                 site     own\n";
  asked.table = all;
  auto missing = asked.ask({record()});
  REQUIRE(missing);
  CHECK(missing->empty());
  CHECK(asked.calls == 2);
  // of the same name in another namespace, or of another kind
  asked.table = "Deployment  other  echo\nStatefulSet  store  web\nStatefulSet  store  db\nDaemonSet  own  agent\n";
  missing = asked.ask({record()});
  REQUIRE(missing);
  CHECK(*missing == std::vector<steps::MissingObject>{{"echo", {"Deployment", "web", "echo"}},
                                                      {"echo", {"CustomResourceDefinition", "", "things.example.com"}},
                                                      {"shop", {"Deployment", "store", "web"}}});
}

TEST_CASE("missing objects: an API that does not answer is an error, and not a cluster without objects") {
  Asked asked;
  asked.releases.clear();
  const auto missing = asked.ask({record()});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::command_failed);
  asked.releases = "broken";
  CHECK(asked.ask({record()}).error().code == ErrorCode::protocol);
}
