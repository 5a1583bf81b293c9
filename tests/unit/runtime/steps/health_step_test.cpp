// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/health_step.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using engine::StepState;
using tests::ended;
using tests::failed;
using tests::has_word;

namespace {

std::string node(std::string_view name, std::string_view ready = "True") {
  return base::format(
      R"({{"kind":"Node","metadata":{{"name":"{}"}},"status":{{"nodeInfo":{{"bootID":"boot one"}},"conditions":[{{"type":"Ready","status":"{}","message":"cni plugin not initialized"}}]}}}})",
      name, ready);
}

std::string deployment(std::string_view space, std::string_view name, int available,
                       std::string_view annotations = "{}") {
  return base::format(
      R"({{"kind":"Deployment","metadata":{{"name":"{0}","namespace":"{1}","generation":1,"annotations":{3}}},"spec":{{"replicas":2,"selector":{{"matchLabels":{{"app":"{0}"}}}}}},)"
      R"("status":{{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"readyReplicas":{2},"availableReplicas":{2}}}}})",
      name, space, available, annotations);
}

std::string list(const std::vector<std::string>& items) {
  return R"({"kind":"List","items":[)" + base::join(items, ",") + "]}";
}

// A control plane whose API reports two nodes and some workloads; both hosts have name service.
struct Cluster : tests::Site {
  std::vector<std::string> nodes{node("cp1"), node("w1")};
  std::vector<std::string> workloads{deployment("kube-system", "coredns", 2)};
  std::vector<std::string> pods;
  int broken_looks = 0;  // number of looks that fail
  int asked_for_all_pods = 0;

  Cluster() {
    control_plane.put("/var/lib/kubelet/config.yaml", "clusterDNS:\n- 10.96.0.10\nclusterDomain: plant.local\n");
    add_file("apps/hello/all.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: hello}\n");
    add_file("charts/shop/Chart.yaml", "name: shop\nversion: 1.0.0\n");
    contents.apps = {{"hello", format::AppKind::manifests, false, "apps/hello", {}, {}},
                     {"shop", format::AppKind::helm, false, "charts/shop", {}, "1.0"}};
    control_plane.machine.programs["kubectl"] = [this](tests::FakeMachine&, const Command& command,
                                                       const CommandIo&) -> Result<ExitStatus> {
      if (broken_looks > 0) {
        --broken_looks;
        return failed("connection refused");
      }
      if (has_word(command, "nodes")) return ended(list(nodes));
      if (has_word(command, "deployments,statefulsets,daemonsets")) return ended(list(workloads));
      REQUIRE(has_word(command, "pods"));
      asked_for_all_pods += has_word(command, "--all-namespaces") ? 1 : 0;
      return ended(list(pods));
    };
  }
  Result<std::shared_ptr<host::Host>> connection(const std::string& name, const host::Host*,
                                                 const CancelToken&) override {
    SEALIFT_ASSIGN(auto connected, tests::connect_fake(name == "cp1" ? control_plane.machine : worker.machine));
    return std::shared_ptr<host::Host>(std::move(connected));
  }
  std::string trouble(steps::HealthStep& step, std::vector<std::string> aside = {}) {
    auto context = control_plane.context(step);
    context.aside = std::move(aside);
    const auto state = step.check(context.looking());
    REQUIRE(state);
    const auto done = step.apply(context);
    CHECK(done.has_value() == (*state == StepState::done));
    CHECK(control_plane.machine.changes.empty());
    if (done) return {};
    CHECK(done.error().code == ErrorCode::unhealthy);
    CHECK(done.error().what.starts_with("the cluster is unhealthy after 300 s: "));
    return done.error().what.substr(std::string_view("the cluster is unhealthy after 300 s: ").size());
  }
};

}  // namespace

TEST_CASE("a healthy cluster needs nothing, and is not asked for all its pods") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  CHECK(cluster.control_plane.check(step) == StepState::done);
  CHECK(cluster.asked_for_all_pods == 0);
}

TEST_CASE("nodes, system workloads and name service are each waited for, and named when they do not come") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  cluster.nodes[1] = node("w1", "False");
  CHECK(cluster.trouble(step) == "node w1: cni plugin not initialized");
  cluster.nodes[1] = node("w1");
  cluster.workloads[0] = deployment("kube-system", "coredns", 0);
  CHECK(cluster.trouble(step) == "Deployment kube-system/coredns: 0 of 2 replicas are available");
  cluster.pods = {
      R"({"kind":"Pod","metadata":{"name":"coredns-a","namespace":"kube-system","labels":{"app":"coredns"}},"spec":{"nodeName":"w1"},)"
      R"("status":{"containerStatuses":[{"name":"coredns","state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}}}]}})"};
  CHECK(cluster.trouble(step).contains("(pod coredns-a on w1: coredns: CrashLoopBackOff: back-off)"));
  cluster.workloads[0] = deployment("kube-system", "coredns", 2);
  cluster.worker.machine.name_server_trouble = "no answer";
  CHECK(cluster.trouble(step) == "w1: the cluster's name service 10.96.0.10 gives it no answer: no answer");
  cluster.worker.machine.name_server_trouble.clear();
  CHECK(cluster.trouble(step).empty());
}

TEST_CASE("an API that does not answer is no healthy cluster, and may come back") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  cluster.broken_looks = 5;
  CHECK(cluster.control_plane.check(step) == StepState::needed);
  CHECK(cluster.control_plane.apply(step));
  CHECK(cluster.broken_looks == 0);
  cluster.broken_looks = INT_MAX;
  CHECK(cluster.trouble(step).contains("connection refused"));
}

TEST_CASE("the name service is asked as pods are told to, from every node of the run") {
  Cluster cluster;
  const auto service = steps::name_service(*cluster.control_plane.host);
  REQUIRE(service);
  CHECK(service->server == "10.96.0.10");
  CHECK(service->domain == "plant.local");
  for (const char* broken : {"", "clusterDomain: x\n", "clusterDNS: []\n", "{"}) {
    cluster.control_plane.put("/var/lib/kubelet/config.yaml", broken);
    CHECK_FALSE(steps::name_service(*cluster.control_plane.host));
  }
  cluster.control_plane.machine.world.files.erase("/var/lib/kubelet/config.yaml");
  CHECK(steps::name_service(*cluster.control_plane.host).error().code == ErrorCode::not_found);
}

TEST_CASE("hosts that the run left out are neither waited for nor asked") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  cluster.nodes[1] = node("w1", "Unknown");
  cluster.workloads[0] = deployment("kube-system", "coredns", 1);  // its other replica was on w1
  cluster.worker.machine.set_reachable(false);
  CHECK(cluster.trouble(step, {"w1"}).empty());
  // A host that was not left out must answer: the runner gets the lost connection at once.
  cluster.nodes[1] = node("w1");
  cluster.workloads[0] = deployment("kube-system", "coredns", 2);
  auto context = cluster.control_plane.context(step);
  CHECK(step.check(context.looking()).error().code == ErrorCode::unreachable);
  CHECK(step.apply(context).error().code == ErrorCode::unreachable);
}

TEST_CASE("delivered applications count, the site's own do not") {
  Cluster cluster;
  auto& model = const_cast<steps::Model&>(cluster.model());  // of this test's own site
  model.apps = {{.app = &cluster.contents.apps[0], .target_namespace = "web"},
                {.app = &cluster.contents.apps[1], .target_namespace = "store", .release = "shop"}};
  steps::HealthStep step(model);
  const auto helm = [](std::string_view release, std::string_view space) {
    return base::format(R"({{"meta.helm.sh/release-name":"{}","meta.helm.sh/release-namespace":"{}"}})", release,
                        space);
  };
  cluster.workloads.push_back(deployment("default", "own", 0));
  cluster.workloads.push_back(deployment("web", "other", 0));
  cluster.workloads.push_back(deployment("store", "own", 0, helm("own", "store")));
  cluster.workloads.push_back(deployment("store", "twin", 0, helm("shop", "elsewhere")));
  CHECK(cluster.trouble(step).empty());
  cluster.workloads.push_back(deployment("web", "hello", 0));
  CHECK(cluster.trouble(step) == "Deployment web/hello: 0 of 2 replicas are available");
  cluster.workloads.back() = deployment("store", "anything", 1, helm("shop", "store"));
  CHECK(cluster.trouble(step) == "Deployment store/anything: 1 of 2 replicas are available");
}

TEST_CASE("a cluster that is ill all over is told in a few words") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  for (int i = 0; i < 20; ++i) cluster.workloads.push_back(deployment("kube-system", base::format("w{}", i), 0));
  CHECK(cluster.trouble(step).ends_with("; and 15 more; `status` lists all"));
}

TEST_CASE("without a pod network no node gets ready: told beforehand") {
  Cluster cluster;
  auto& model = const_cast<steps::Model&>(cluster.model());  // of this test's own site
  CHECK_FALSE(model.brings_network());
  model.base.files.push_back({"cni.conflist", "/etc/cni/net.d/10-bridge.conflist"});
  CHECK(model.brings_network());
  model.base.files.clear();
  cluster.config.files.push_back({"x", "/etc/cni/net.d/10.conf"});
  CHECK(model.brings_network());
  cluster.config.files.clear();
  CHECK_FALSE(model.brings_network());
  cluster.contents.apps[0].is_network = true;
  model.apps = {{.app = &cluster.contents.apps[0], .target_namespace = "kube-system"}};
  CHECK(model.brings_network());
}

TEST_CASE("a long wait says what it waits for, and not the same thing again") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  cluster.nodes[1] = node("w1", "False");
  REQUIRE_FALSE(cluster.control_plane.apply(step));
  size_t told = 0;
  for (const auto& event : cluster.control_plane.events.events()) {
    if (event.kind != base::EventKind::message) continue;
    CHECK(event.message == "waiting: the cluster is unhealthy: node w1: cni plugin not initialized");
    ++told;
  }
  CHECK(told == 1);
}

TEST_CASE("a node that has started anew is not Ready before its kubelet has said so, whatever the API believes") {
  Cluster cluster;
  steps::HealthStep step(cluster.model());
  cluster.worker.put("/proc/sys/kernel/random/boot_id", "boot one\n");
  CHECK(cluster.trouble(step).empty());
  cluster.worker.put("/proc/sys/kernel/random/boot_id", "boot two\n");
  CHECK(cluster.trouble(step) == "w1: it has restarted, and its kubelet has not reported since");
}
