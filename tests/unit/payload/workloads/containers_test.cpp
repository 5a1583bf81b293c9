// SPDX-License-Identifier: Apache-2.0
// P01, P02, P15: pods, and what is built like them.
#include "payload/base/format.h"
#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

TEST_CASE("images are found in the pods of every kind of workload") {
  for (const std::string kind :
       {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"}) {
    INFO(kind);
    const auto all = findings("apiVersion: apps/v1\nkind: " + kind +
                              "\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: 'x:1'}]}}}\n");
    REQUIRE(all.images.size() == 1);
    CHECK(all.images[0] ==
          workloads::Use{"x:1", kind + "/a", ".spec.template.spec.containers[0].image", 4, "container"});
  }
  CHECK(names("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'x:1'}]}\n") == Lines{"x:1"});
  CHECK(names("kind: PodTemplate\ntemplate: {spec: {containers: [{image: 'x:1'}]}}\n") == Lines{"x:1"});
  CHECK(images("kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: 'x:1'}]}}}}}\n") ==
        Lines{"x:1, container, .spec.jobTemplate.spec.template.spec.containers[0].image"});
  CHECK(
      findings("kind: Job\nmetadata: {generateName: once-}\nspec: {containers: [{image: 'x:1'}]}\n").images[0].object ==
      "Job/once-");
}

TEST_CASE("all containers of a pod, its image volumes, and lists of objects are walked") {
  CHECK(images(R"(kind: Pod
spec:
  initContainers: [{image: 'i:1'}, {image: 'i:2'}]
  containers: [{image: 'c:1'}]
  ephemeralContainers: [{image: 'e:1'}]
  volumes:
  - {name: data, image: {reference: v}}
  - {name: other, emptyDir: {}}
)") == Lines{"i:1, container, .spec.initContainers[0].image", "i:2, container, .spec.initContainers[1].image",
             "c:1, container, .spec.containers[0].image", "e:1, container, .spec.ephemeralContainers[0].image",
             "v, image volume, .spec.volumes[0].image.reference"});
  const auto all = findings(R"(kind: List
items:
- {kind: Pod, metadata: {name: a}, spec: {containers: [{image: 'x:1'}]}}
- {kind: PodList, items: [{metadata: {name: b}, spec: {containers: [{image: 'x:2'}]}}]}
---
kind: Pod
metadata: {name: c}
spec: {containers: [{image: 'x:3'}]}
)");
  REQUIRE(all.images.size() == 3);
  CHECK(all.images[0].object == "Pod/a");
  CHECK(all.images[1].object == "Pod/b");
  CHECK(all.images[2].object == "Pod/c");
  CHECK(all.images[2].line == 8);
}

TEST_CASE("a pod's image may be as short as the kubelet takes it") {
  CHECK(names("kind: Pod\nspec: {containers: [{image: nginx}, {image: reg.example/a}, {image: 'a/b'}]}\n") ==
        Lines{"nginx", "reg.example/a", "a/b"});
}

TEST_CASE("custom resources hold containers as well") {
  CHECK(names(R"(apiVersion: example.dev/v1
kind: Runtime
spec:
  containers: [{name: k, image: reg.example/ml/server:2}]
  extraSidecars: [{name: s, image: side}]
  steps: [{name: one, image: step:1}]
  container: {image: single}
  script: {image: script, source: echo}
  stepTemplate: {image: every}
  volumes: [{name: disk, containerDisk: {image: disk}}]
  data: [{name: d, image: {reference: 'reg.example/data:1'}}]
)") == Lines{"reg.example/ml/server:2", "side", "step:1", "single", "script", "every", "disk", "reg.example/data:1"});
  CHECK(images(R"(apiVersion: operators.coreos.com/v1alpha1
kind: ClusterServiceVersion
spec: {install: {spec: {deployments: [{name: op, spec: {template: {spec: {containers: [{name: op, image: 'reg.example/op:1'}]}}}}]}}}
)") == Lines{"reg.example/op:1, container, .spec.install.spec.deployments[0].spec.template.spec.containers[0].image"});
}

TEST_CASE("images that are never pulled are omitted") {
  CHECK(omitted("kind: Pod\nspec: {containers: [{image: 'x:1', imagePullPolicy: Never}]}\n") ==
        Lines{"x:1, imagePullPolicy: Never"});
  CHECK(omitted("kind: Pod\nspec: {volumes: [{image: {reference: 'x:1', pullPolicy: Never}}]}\n") ==
        Lines{"x:1, pullPolicy: Never"});
  CHECK(
      names(
          "kind: Pod\nspec: {containers: [{image: 'x:1', imagePullPolicy: Never}, {image: 'x:2', imagePullPolicy: Always}]}\n") ==
      Lines{"x:2"});
}

TEST_CASE("pods for Windows nodes are omitted") {
  for (const std::string choice : {"nodeSelector: {kubernetes.io/os: windows}", "os: {name: windows}"}) {
    INFO(choice);
    const std::string pod = "kind: Pod\nspec: {" + choice + ", containers: [{image: 'x:1'}]}\n";
    CHECK(omitted(pod) == Lines{"x:1, its pod asks for Windows nodes"});
    CHECK(names(pod).empty());
  }
  CHECK(names("kind: Pod\nspec: {nodeSelector: {kubernetes.io/os: linux}, containers: [{image: 'x:1'}]}\n") ==
        Lines{"x:1"});
}

TEST_CASE("pods that only helm test creates are omitted unless they are wanted; other hooks count") {
  const auto hook = [](std::string_view events) {
    return base::format(
        "kind: Pod\nmetadata: {{name: a, annotations: {{helm.sh/hook: '{}'}}}}\nspec: {{containers: [{{image: 'x:1'}}]}}\n",
        events);
  };
  for (const std::string events : {"test", "test-success", "test-success, test-failure"}) {
    INFO(events);
    CHECK(omitted(hook(events)) == Lines{"x:1, only `helm test` runs it"});
    CHECK(names(hook(events)).empty());
    CHECK(findings(hook(events), {}, {.test_hooks = workloads::TestHooks::include}).images.size() == 1);
  }
  for (const std::string events : {"pre-install", "post-install,test", "post-delete"}) {
    INFO(events);
    CHECK(names(hook(events)) == Lines{"x:1"});
  }
}

TEST_CASE("a name that no node could pull is told, and never taken") {
  CHECK(unresolved("kind: Pod\nspec: {containers: [{image: 'Web:1'}]}\n") == Lines{"Web:1, .spec.containers[0].image"});
  CHECK(omitted("kind: Pod\nspec: {containers: [{image: '${IMAGE}'}, {image: 'ko://example.dev/cmd'}]}\n") ==
        Lines{"${IMAGE}, a placeholder, which no node can pull",
              "ko://example.dev/cmd, a placeholder, which no node can pull"});
  CHECK(silent("kind: Pod\nspec: {containers: [{image: auto}, {image: ''}, {name: injected}]}\n"));
  CHECK(silent("apiVersion: a.b/v1\nkind: Template\nspec: {container: {image: '{{inputs.parameters.image}}'}}\n"));
}

TEST_CASE("documents of another shape hold no images") {
  for (const std::string text :
       {"- a\n- image: acme/a:1\n", "reg.example/text:1\n", "kind: Pod\n", "kind: Pod\nspec: text\n",
        "kind: Pod\nspec: {containers: text, volumes: [a, {image: text}]}\n", "kind: [Pod]\n",
        "kind: List\nitems: text\n", "kind: Deployment\nspec: {template: [a]}\n",
        "kind: Pod\nspec: {containers: [text, {image: {a: b}}, null]}\n"}) {
    INFO(text);
    CHECK(names(text).empty());
  }
}
