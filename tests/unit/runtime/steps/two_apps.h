// SPDX-License-Identifier: Apache-2.0
//
// A control plane with one manifest application and one chart; helm and kubectl record their input.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/host/artifact_record.h"
#include "runtime/host/kubeconfig.h"
#include "runtime/steps/apps.h"
#include "tests/support/played_stage.h"
#include "tests/unit/runtime/steps/bench.h"

namespace sealift::tests {

inline constexpr std::string_view kManifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: echo}\n";
// As helm prints it in JSON.
inline constexpr std::string_view kChart =
    R"(apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: echo, namespace: store}\n)";
inline constexpr std::string_view kHealthy =
    R"({"kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"echo","generation":1},"spec":{"replicas":1},)"
    R"("status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1}},)"
    R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.acme.example"},)"
    R"("status":{"conditions":[{"type":"Established","status":"True"}]}}]})";
inline constexpr std::string_view kStarting =
    R"({"kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"echo","namespace":"web","generation":1},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"echo"}},)"
    R"("template":{"spec":{"initContainers":[{"name":"first","image":"nginx:1.22"}],"containers":[{"name":"main","image":"quay.io/nobody/has:1"}]}}},)"
    R"("status":{"observedGeneration":1,"replicas":3,"updatedReplicas":3,"readyReplicas":1,"availableReplicas":1}}]})";

struct Apps : Site {
  steps::SelectedApp hello, shop;
  std::set<std::string> namespaces;
  std::map<std::string, std::string> seen;  // files below the application's folder while helm or kubectl ran
  std::vector<std::string> kubeconfigs;     // that kubectl applied with
  std::string release;                      // the state of its newest revision
  bool prints_release = true;
  std::shared_ptr<steps::ClusterApps> shared = std::make_shared<steps::ClusterApps>();
  std::vector<std::string> objects_asked;
  std::vector<std::string> applied;  // what kubectl read from its input, or the word "tree"
  int starting_looks = 0;
  std::string pods = R"({"kind":"List","items":[]})";
  std::string fails;
  bool others_make_it_first = false;  // the namespace
  std::string releases = "[]";        // with their objects
  std::string there;                  // kubectl's table of objects

  Apps() {
    add_file("apps/hello/all.yaml", kManifest);
    add_file("apps/hello/more/again.yaml", kManifest);
    add_file("apps/hello-two/other.yaml", "kind: Secret\n");
    add_file("charts/shop/Chart.yaml", "name: shop\nversion: 1.2.3\n");
    contents.apps = {{"hello", format::AppKind::manifests, false, "apps/hello", {}, {}},
                     {"shop", format::AppKind::helm, false, "charts/shop", {}, "1.2.3"}};
    hello = {.app = &contents.apps[0], .target_namespace = "web", .release = "hello"};
    shop = {.app = &contents.apps[1],
            .target_namespace = "store",
            .release = "shop",
            .values_yaml = "b: 3\npassword: from-values\n",
            .values_file = "a: 2\n"};
    auto& programs = control_plane.machine.programs;
    programs["exe"] = [this](FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
      if (has_word(command, "releases")) return Result<base::ExitStatus>(ended(releases));
      return has_word(command, "patch-tree") ? ended() : play_stage(self, model().payload, command, io);
    };
    programs["kubectl"] = [this](FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
      return kubectl(self, command, io);
    };
    programs["helm"] = [this](FakeMachine& self, const base::Command& command, const base::CommandIo&) {
      return helm(self, command);
    };
  }
  steps::AppStep step(const steps::SelectedApp& app) { return {model(), app, shared}; }
  // The files below /run/sealift/apps.
  std::vector<std::string> staged() const {
    std::vector<std::string> out;
    for (const auto& [path, file] : control_plane.machine.world.files) {
      if (path.starts_with("/run/sealift/apps/") && file.type == host::FileType::regular) out.push_back(path);
    }
    return out;
  }

 private:
  void look(const FakeMachine& self) {
    seen.clear();
    for (const auto& [path, file] : self.world.files) {
      if (!path.starts_with("/run/sealift/apps/")) continue;
      CHECK(file.spec.mode == (file.type == host::FileType::regular ? 0600U : 0700U));
      if (file.type == host::FileType::regular) seen[path] = base::as_text(file.content);
    }
  }
  Result<base::ExitStatus> kubectl(FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
    if (has_word(command, "create")) {
      namespaces.insert(word_after(command, "namespace"));
      if (others_make_it_first) return failed("Error from server (AlreadyExists): namespaces \"web\" already exists");
      return ended();
    }
    if (has_word(command, "namespace")) return ended(namespaces.contains(word_after(command, "namespace")) ? "{}" : "");
    if (has_word(command, "wait")) {
      applied.push_back("wait for " + std::string(base::as_text(io.input)));
      CHECK(has_word(command, "--for=condition=Established"));
      return ended();
    }
    if (has_word(command, "apply")) {
      for (const auto& variable : command.environment) {
        if (variable.starts_with("KUBECONFIG=")) kubeconfigs.push_back(variable);
      }
      look(self);
      applied.push_back(word_after(command, "--filename") == "-" ? std::string(base::as_text(io.input)) : "tree");
      return fails.empty() ? ended() : failed(fails);
    }
    if (has_word(command, "secrets")) {
      CHECK(word_after(command, "--selector") == "owner=helm,status!=superseded");
      CHECK(word_after(command, "--label-columns") == "name,version,status");
      return ended(
          release.empty()
              ? ""
              : base::format("store   sh.helm.release.v1.shop.v1   helm.sh/release.v1   1   5m   shop   1   {}\n",
                             release));
    }
    if (has_word(command, "pods")) return ended(pods);
    if (has_word(command, "--no-headers")) return ended(there);
    objects_asked.emplace_back(base::as_text(io.input));
    if (starting_looks-- <= 0) return ended(std::string(kHealthy));
    std::string starting(kStarting);
    if (const auto at = starting.find("\"web\""); objects_asked.back().contains("namespace: store"))
      starting.replace(at, 5, "\"store\"");
    return ended(starting);
  }
  Result<base::ExitStatus> helm(FakeMachine& self, const base::Command& command) {
    for (const auto& variable : command.environment) {
      const bool says_which_cluster = variable.starts_with("KUBECONFIG=/etc/") || variable == host::kNoOtherCluster;
      CHECK((says_which_cluster || variable.contains("=/run/")));
    }
    if (has_word(command, "uninstall")) {
      release.clear();
      return ended();
    }
    if (has_word(command, "rollback")) {
      release = "deployed";
      return ended();
    }
    if (has_word(command, "manifest")) return ended(std::string(kManifest));
    look(self);
    if (release == "uninstalling") return failed("Error: UPGRADE FAILED: \"shop\" has no deployed releases");
    if (release.starts_with("pending-"))
      return failed("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress");
    if (!fails.empty()) return failed(fails);
    release = "deployed";
    return ended(prints_release ? base::format("{{\"manifest\":\"{}\"}}", kChart) : "{\"cut off");
  }
};

}  // namespace sealift::tests
