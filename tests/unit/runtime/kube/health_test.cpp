// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/health.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/kube/corefile.h"

using namespace sealift;
using State = kube::Health::State;

namespace {

State state_of(std::string_view json) {
  const auto value = json::parse(json);
  REQUIRE(value);
  return kube::health_of(*value).state;
}

}  // namespace

TEST_CASE("deployments are current when all replicas are updated and available") {
  const std::string head =
      R"({"kind":"Deployment","metadata":{"name":"a","generation":2},"spec":{"replicas":2},"status":)";
  CHECK(state_of(head + R"({"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}})") ==
        State::current);
  CHECK(state_of(head + R"({"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":1}})") ==
        State::in_progress);
  CHECK(state_of(head + R"({"observedGeneration":2,"replicas":3,"updatedReplicas":2,"availableReplicas":2}})") ==
        State::in_progress);
  // the status still describes the previous version
  CHECK(state_of(head + R"({"observedGeneration":1,"replicas":2,"updatedReplicas":2,"availableReplicas":2}})") ==
        State::in_progress);
  CHECK(
      state_of(
          head +
          R"({"observedGeneration":2,"conditions":[{"type":"Progressing","status":"False","message":"too late"}]}})") ==
      State::failed);
}

TEST_CASE("stateful sets, daemon sets, jobs, pods and claims") {
  CHECK(
      state_of(
          R"({"kind":"StatefulSet","metadata":{"name":"a","generation":1},"spec":{"replicas":1},"status":{"observedGeneration":1,"readyReplicas":1,"updatedReplicas":1}})") ==
      State::current);
  CHECK(
      state_of(
          R"({"kind":"StatefulSet","metadata":{"name":"a","generation":1},"spec":{"replicas":1},"status":{"observedGeneration":1}})") ==
      State::in_progress);
  CHECK(
      state_of(
          R"({"kind":"DaemonSet","metadata":{"name":"a","generation":1},"status":{"observedGeneration":1,"desiredNumberScheduled":3,"updatedNumberScheduled":3,"numberReady":3}})") ==
      State::current);
  CHECK(
      state_of(
          R"({"kind":"DaemonSet","metadata":{"name":"a","generation":1},"status":{"observedGeneration":1,"desiredNumberScheduled":3,"updatedNumberScheduled":3,"numberReady":2}})") ==
      State::in_progress);
  CHECK(state_of(R"({"kind":"Job","metadata":{"name":"a"},"status":{"active":1}})") == State::in_progress);
  CHECK(
      state_of(
          R"({"kind":"Job","metadata":{"name":"a"},"status":{"conditions":[{"type":"Complete","status":"True"}]}})") ==
      State::current);
  CHECK(
      state_of(
          R"({"kind":"Job","metadata":{"name":"a"},"status":{"conditions":[{"type":"Failed","status":"True","message":"x"}]}})") ==
      State::failed);
  CHECK(
      state_of(
          R"({"kind":"Pod","metadata":{"name":"a"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})") ==
      State::current);
  CHECK(state_of(R"({"kind":"Pod","metadata":{"name":"a"},"status":{"phase":"Failed"}})") == State::failed);
  CHECK(state_of(R"({"kind":"PersistentVolumeClaim","metadata":{"name":"a"},"status":{"phase":"Lost"}})") ==
        State::failed);
  CHECK(state_of(R"({"kind":"ConfigMap","metadata":{"name":"a"}})") == State::current);
  CHECK(state_of(R"({"kind":"ConfigMap","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}})") ==
        State::in_progress);
}

TEST_CASE("a daemon set of which some pods are of an older revision is not current") {
  const std::string head =
      R"({"kind":"DaemonSet","metadata":{"name":"a","generation":1},"status":{"observedGeneration":1,"desiredNumberScheduled":3,"numberReady":3,)";
  CHECK(state_of(head + R"("updatedNumberScheduled":2}})") == State::in_progress);
  CHECK(state_of(head + R"("updatedNumberScheduled":3}})") == State::current);
}

TEST_CASE("a node is current when it is Ready") {
  const auto node = [](std::string_view status) {
    return base::format(
        R"({{"kind":"Node","metadata":{{"name":"a"}},"status":{{"conditions":[{{"type":"Ready","status":"{}"}}]}}}})",
        status);
  };
  CHECK(state_of(node("True")) == State::current);
  CHECK(state_of(node("False")) == State::in_progress);
  CHECK(state_of(node("Unknown")) == State::in_progress);
  CHECK(state_of(R"({"kind":"Node","metadata":{"name":"a"}})") == State::in_progress);
}

TEST_CASE("why a pod is not Ready is told in the words of whoever holds it up") {
  const auto trouble = [](std::string_view status) {
    const auto pod = json::parse(base::format(R"({{"kind":"Pod","metadata":{{"name":"a"}},"status":{}}})", status));
    REQUIRE(pod);
    return kube::pod_trouble(*pod);
  };
  CHECK(
      trouble(
          R"({"containerStatuses":[{"name":"web","ready":false,"state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image x"}}}]})") ==
      "web: ImagePullBackOff: Back-off pulling image x");
  // the failing init container, not the container waiting for it
  CHECK(
      trouble(
          R"({"initContainerStatuses":[{"name":"init","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"m"}}}],)"
          R"("containerStatuses":[{"name":"web","ready":false,"state":{"waiting":{"reason":"PodInitializing"}}}]})") ==
      "init: CrashLoopBackOff: m");
  CHECK(
      trouble(
          R"({"containerStatuses":[{"name":"web","ready":true,"state":{}},{"name":"db","ready":false,"state":{"terminated":{"reason":"OOMKilled"}}}]})") ==
      "db: OOMKilled");
  CHECK(trouble(R"({"conditions":[{"type":"PodScheduled","status":"False","message":"0/2 nodes are available"}]})") ==
        "0/2 nodes are available");
  CHECK(trouble(R"({"reason":"NodeLost","message":"gone"})") == "NodeLost: gone");
  CHECK(
      trouble(
          R"({"conditions":[{"type":"Ready","status":"False","message":"containers with unready status: [web]"}]})") ==
      "containers with unready status: [web]");
  CHECK(trouble("{}").empty());
}

TEST_CASE("images that a pod waits for are named as its spec names them") {
  const auto pod = json::parse(
      R"({"kind":"Pod","metadata":{"name":"a"},"spec":{"initContainers":[{"name":"init","image":"busybox:1"}],"containers":[{"name":"web","image":"quay.io/nobody/has:1"},{"name":"db","image":"redis"}]},)"
      R"("status":{"initContainerStatuses":[{"name":"init","image":"docker.io/library/busybox:1","state":{"waiting":{"reason":"ErrImagePull","message":"no"}}}],)"
      R"("containerStatuses":[{"name":"web","image":"other","state":{"waiting":{"reason":"ImagePullBackOff","message":"not found"}}},{"name":"db","state":{"waiting":{"reason":"PodInitializing"}}}]}})");
  REQUIRE(pod);
  const auto missing = kube::missing_images(*pod);
  REQUIRE(missing.size() == 2);
  CHECK(missing[0].image == "busybox:1");
  CHECK(missing[1].image == "quay.io/nobody/has:1");
  CHECK(missing[1].message == "not found");
}

TEST_CASE("CoreDNS: forward lines are dropped or pointed elsewhere, the rest stays") {
  const std::string corefile =
      ".:53 {\n    errors\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n}";
  CHECK(kube::with_upstreams(corefile, {}) == ".:53 {\n    errors\n    cache 30\n}");
  CHECK(kube::with_upstreams(corefile, {"10.1.1.1", "10.1.1.2"}) ==
        ".:53 {\n    errors\n    forward . 10.1.1.1 10.1.1.2 {\n       max_concurrent 1000\n    }\n    cache 30\n}");
  // a nested block ends neither
  const std::string nested =
      ".:53 {\n    forward . tls://9.9.9.9 {\n       tls {\n          x\n       }\n       max_concurrent 1000\n    }\n    cache 30\n}";
  CHECK(kube::with_upstreams(nested, {}) == ".:53 {\n    cache 30\n}");
  CHECK(
      kube::with_upstreams(nested, {"10.1.1.1"}) ==
      ".:53 {\n    forward . 10.1.1.1 {\n       tls {\n          x\n       }\n       max_concurrent 1000\n    }\n    cache 30\n}");
  // without a block
  CHECK(kube::with_upstreams(".:53 {\n  forward . /etc/resolv.conf\n  cache 30\n}", {"10.1.1.1"}) ==
        ".:53 {\n  forward . 10.1.1.1\n  cache 30\n}");
  CHECK(kube::with_upstreams(".:53 {\n  forward . /etc/resolv.conf\n  cache 30\n}", {}) == ".:53 {\n  cache 30\n}");
  CHECK(kube::with_upstreams(".:53 {\n  cache 30\n}\n", {}) == ".:53 {\n  cache 30\n}\n");
  const auto once = kube::with_upstreams(corefile, {});
  CHECK(kube::with_upstreams(once, {}) == once);
  // if there is none, one is added
  const auto back = kube::with_upstreams(once, {"/etc/resolv.conf"});
  CHECK(back ==
        ".:53 {\n    errors\n    cache 30\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n}");
  CHECK(kube::with_upstreams(back, {}) == once);
  CHECK(kube::with_upstreams(back, {"/etc/resolv.conf"}) == back);
  // the site's additions for its own names are not touched
  const std::string site =
      "corp.example:53 {\n    forward . 10.9.9.9\n}\n. {\n    log {\n      class error\n    }\n    forward other.example 10.8.8.8\n    forward . /etc/resolv.conf\n}\n";
  CHECK(
      kube::with_upstreams(site, {}) ==
      "corp.example:53 {\n    forward . 10.9.9.9\n}\n. {\n    log {\n      class error\n    }\n    forward other.example 10.8.8.8\n}\n");
  CHECK(
      kube::with_upstreams(site, {"10.1.1.1"}) ==
      "corp.example:53 {\n    forward . 10.9.9.9\n}\n. {\n    log {\n      class error\n    }\n    forward other.example 10.8.8.8\n    forward . 10.1.1.1\n}\n");
  CHECK_FALSE(kube::is_usable_name_server("127.0.0.53"));
  CHECK_FALSE(kube::is_usable_name_server("::1"));
  CHECK(kube::is_usable_name_server("10.1.1.1"));
}

TEST_CASE("a resource definition is healthy once it is established, and not while its names are another's") {
  const auto definition = [](std::string_view conditions) {
    return base::format(
        R"({{"kind":"CustomResourceDefinition","metadata":{{"name":"things.example.com"}},"status":{{"conditions":[{}]}}}})",
        conditions);
  };
  CHECK(state_of(definition("")) == State::in_progress);
  CHECK(state_of(definition(R"({"type":"Established","status":"False"})")) == State::in_progress);
  CHECK(state_of(definition(R"({"type":"Established","status":"True"})")) == State::current);
  CHECK(
      state_of(definition(
          R"({"type":"NamesAccepted","status":"False","message":"\"things\" is already in use"},{"type":"Established","status":"True"})")) ==
      State::failed);
}

TEST_CASE("an API is healthy once it is available, and says why it is not") {
  const auto service = [](std::string_view conditions) {
    return base::format(
        R"({{"kind":"APIService","metadata":{{"name":"v1.example.com"}},"status":{{"conditions":[{}]}}}})", conditions);
  };
  CHECK(state_of(service("")) == State::in_progress);
  CHECK(state_of(service(R"({"type":"Available","status":"True"})")) == State::current);
  const auto object = json::parse(service(R"({"type":"Available","status":"False","message":"no such service"})"));
  REQUIRE(object);
  const auto health = kube::health_of(*object);
  CHECK(health.state == State::in_progress);
  CHECK(health.message == "no such service");
}
