// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/manifests.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using Objects = std::vector<kube::LastingObject>;

TEST_CASE("manifests: each object, those of lists one by one; what can't be read is left out") {
  std::vector<std::string> kinds;
  kube::for_each_object(
      "kind: Secret\n---\nkind: List\nitems: [{kind: A}, {kind: B}]\n---\n{{ no YAML\n---\nkind: Job\n",
      [&](const yaml::Node& object) { kinds.push_back(object.text_at("kind")); });
  CHECK(kinds == std::vector<std::string>{"Secret", "A", "B", "Job"});
}

TEST_CASE("manifests: what lasts is there as long as its application; jobs, pods and hooks may be gone") {
  const auto objects = kube::lasting_objects(
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n"
      "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: own}\n---\n"
      "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: net}\n---\n"
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n---\n"
      "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.example.com, namespace: odd}\n---\n"
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: once, annotations: {helm.sh/hook: pre-install}}\n---\n"
      "apiVersion: example.com/v1\nkind: Deployment\nmetadata: {name: another-kind}\n---\n"
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\n---\n"
      "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\n---\n"
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
      "store");
  CHECK(objects == Objects{{"Deployment", "store", "web"},
                           {"StatefulSet", "own", "db"},
                           {"DaemonSet", "store", "net"},
                           {"CustomResourceDefinition", "", "things.example.com"},
                           {"APIService", "", "v1.example.com"}});
  CHECK(objects[0].title() == "Deployment store/web");
  CHECK(objects[3].title() == "CustomResourceDefinition things.example.com");
}
