// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/workload_images.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using workloads::ImageUse;

namespace {

std::vector<ImageUse> images(std::string_view text) {
  const auto documents = yaml::parse(text, "test");
  if (!documents) FAIL(documents.error().text());
  std::vector<ImageUse> out;
  for (const auto& document : *documents) {
    for (auto& use : workloads::images_of(document)) out.push_back(std::move(use));
  }
  return out;
}

std::vector<std::string> names(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& use : images(text)) out.push_back(use.object + " " + use.image);
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("images are found in the pods of every kind of workload") {
  for (const std::string kind :
       {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"}) {
    INFO(kind);
    CHECK(
        names("kind: " + kind + "\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: 'x:1'}]}}}\n") ==
        Names{kind + "/a x:1"});
  }
  CHECK(names("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'x:1'}]}\n") == Names{"Pod/a x:1"});
  CHECK(names("kind: PodTemplate\nmetadata: {name: a}\ntemplate: {spec: {containers: [{image: 'x:1'}]}}\n") ==
        Names{"PodTemplate/a x:1"});
  CHECK(
      names(
          "kind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: 'x:1'}]}}}}}\n") ==
      Names{"CronJob/a x:1"});
  CHECK(
      names("kind: Job\nmetadata: {generateName: once-}\nspec: {template: {spec: {containers: [{image: 'x:1'}]}}}\n") ==
      Names{"Job/once- x:1"});
}

TEST_CASE("images are found in all containers, in image volumes, and in lists") {
  CHECK(names(R"(kind: Pod
metadata: {name: a}
spec:
  initContainers: [{image: 'i:1'}, {image: 'i:2'}]
  containers: [{image: 'c:1'}]
  ephemeralContainers: [{image: 'e:1'}]
  volumes:
  - name: data
    image: {reference: 'v:1'}
  - name: other
    emptyDir: {}
)") == Names{"Pod/a i:1", "Pod/a i:2", "Pod/a c:1", "Pod/a e:1", "Pod/a v:1"});
  CHECK(names(R"(kind: List
items:
- {kind: Pod, metadata: {name: a}, spec: {containers: [{image: 'x:1'}]}}
- {kind: PodList, items: [{kind: Pod, metadata: {name: b}, spec: {containers: [{image: 'x:2'}]}}]}
---
kind: Pod
metadata: {name: c}
spec: {containers: [{image: 'x:3'}]}
)") == Names{"Pod/a x:1", "Pod/b x:2", "Pod/c x:3"});
}

TEST_CASE("each image has the line it stands on") {
  CHECK(images("kind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: c\n    image: x:1\n") ==
        std::vector<ImageUse>{{"x:1", "Pod/a", 7}});
}

TEST_CASE("what only looks like an image, and what is never pulled, is left out") {
  CHECK(names("kind: ConfigMap\nmetadata: {name: a}\ndata: {image: 'x:1', pod: 'image: y:1'}\n").empty());
  CHECK(names("kind: ConfigMap\nspec: {template: {spec: {containers: [{image: 'x:1'}]}}}\n").empty());
  CHECK(
      names(
          "kind: Pod\nspec: {containers: [{image: 'x:1', imagePullPolicy: Never}, {image: 'x:2', imagePullPolicy: Always}, {name: injected}, {image: ''}]}\n") ==
      Names{"Pod/ x:2"});
  CHECK(names("kind: Pod\nspec: {volumes: [{image: {reference: 'x:1', pullPolicy: Never}}]}\n").empty());
}

TEST_CASE("documents of another shape hold no images") {
  for (const std::string text : {"- a\n- b\n", "text\n", "kind: Pod\n", "kind: Pod\nspec: text\n",
                                 "kind: Pod\nspec: {containers: text, volumes: [a, {image: text}]}\n", "kind: [Pod]\n",
                                 "kind: List\nitems: text\n", "kind: Deployment\nspec: {template: [a]}\n",
                                 "kind: Pod\nspec: {containers: [text, {image: {a: b}}, null]}\n"}) {
    INFO(text);
    CHECK(names(text).empty());
  }
}
