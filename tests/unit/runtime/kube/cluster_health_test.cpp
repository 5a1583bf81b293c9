// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/cluster_health.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using State = kube::Health::State;

namespace {

json::Value list(std::initializer_list<std::string> items) {
  std::string text = R"({"kind":"List","items":[)";
  for (const auto& item : items) text += (text.back() == '[' ? "" : ",") + item;
  const auto value = json::parse(text + "]}");
  REQUIRE(value);
  return *value;
}

std::string node(std::string_view name, std::string_view ready = "True",
                 std::string_view message = "kubelet is posting ready status") {
  return base::format(
      R"({{"kind":"Node","metadata":{{"name":"{}"}},"status":{{"nodeInfo":{{"kubeletVersion":"v1.34.4"}},"addresses":[{{"type":"Hostname","address":"x"}},)"
      R"({{"type":"InternalIP","address":"10.7.0.11"}}],"conditions":[{{"type":"Ready","status":"{}","message":"{}"}}]}}}})",
      name, ready, message);
}

std::string deployment(std::string_view name, int ready, int wanted, std::string_view space = "kube-system") {
  return base::format(
      R"({{"kind":"Deployment","metadata":{{"name":"{0}","namespace":"{3}","generation":1}},"spec":{{"replicas":{2},"selector":{{"matchLabels":{{"app":"{0}"}}}}}},)"
      R"("status":{{"observedGeneration":1,"replicas":{2},"updatedReplicas":{2},"readyReplicas":{1},"availableReplicas":{1}}}}})",
      name, ready, wanted, space);
}

std::string daemons(std::string_view name, int ready, int wanted) {
  return base::format(
      R"({{"kind":"DaemonSet","metadata":{{"name":"{0}","namespace":"kube-system","generation":1}},"spec":{{"selector":{{"matchLabels":{{"app":"{0}"}}}}}},)"
      R"("status":{{"observedGeneration":1,"desiredNumberScheduled":{2},"updatedNumberScheduled":{2},"numberReady":{1}}}}})",
      name, ready, wanted);
}

std::string pod(std::string_view name, std::string_view app, std::string_view on_node, std::string_view status,
                std::string_view owner = "ReplicaSet") {
  return base::format(
      R"({{"kind":"Pod","metadata":{{"name":"{}","namespace":"kube-system","labels":{{"app":"{}"}},"ownerReferences":[{{"kind":"{}"}}]}},"spec":{{"nodeName":"{}"}},"status":{}}})",
      name, app, owner, on_node, status);
}

constexpr std::string_view kReadyPod = R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})";
constexpr std::string_view kLoopingPod =
    R"({"phase":"Running","conditions":[{"type":"Ready","status":"False","message":"containers with unready status: [coredns]"}],)"
    R"("containerStatuses":[{"name":"coredns","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s restarting failed container"}}}]})";

// Subjects and messages of everything that makes the cluster unhealthy.
std::vector<std::string> ill(const kube::ClusterObjects& objects, const std::set<std::string>& expected) {
  std::vector<std::string> out;
  for (const auto& judged : kube::judge_cluster(objects, expected)) {
    if (judged.counts && judged.health.state != State::current)
      out.push_back(judged.health.subject + ": " + judged.health.message);
  }
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a cluster is healthy when its nodes, the control plane's pods and all workloads are") {
  const kube::ClusterObjects objects{list({node("cp1"), node("w1")}),
                                     list({deployment("coredns", 2, 2), daemons("kube-proxy", 2, 2)}),
                                     list({pod("etcd-cp1", "etcd", "cp1", kReadyPod, "Node")})};
  CHECK(ill(objects, {"cp1", "w1"}).empty());
  const auto judged = kube::judge_cluster(objects, {"cp1", "w1"});
  REQUIRE(judged.size() == 4);  // healthy static pods are covered by their node
  CHECK(judged[0].health.subject == "node cp1");
  CHECK(judged[0].detail == "v1.34.4 10.7.0.11");
  CHECK(judged[2].health.subject == "Deployment kube-system/coredns");
  CHECK(judged[2].detail == "2 of 2");
  CHECK(judged[3].detail == "2 of 2");
}

TEST_CASE("each ill thing is named with its reason") {
  CHECK(ill({list({node("cp1", "False", "cni plugin not initialized")}), {}, {}}, {"cp1"}) ==
        Texts{"node cp1: cni plugin not initialized"});
  CHECK(ill({list({node("cp1", "Unknown", "Kubelet stopped posting node status.")}), {}, {}}, {"cp1"}) ==
        Texts{"node cp1: Kubelet stopped posting node status."});
  CHECK(ill({list({node("cp1")}), {}, {}}, {"cp1", "w1"}) == Texts{"node w1: the API does not know it"});
  CHECK(ill({{}, {}, {}}, {"cp1"}) == Texts{"node cp1: the API does not know it"});
  CHECK(ill({list({node("cp1")}), list({daemons("kube-proxy", 0, 1)}), {}}, {"cp1"}) ==
        Texts{"DaemonSet kube-system/kube-proxy: 0 of 1 pods are ready"});
  const kube::ClusterObjects looping{list({node("cp1")}),
                                     list({deployment("coredns", 0, 2), deployment("other", 1, 1)}),
                                     list({pod("coredns-a", "coredns", "cp1", kLoopingPod)})};
  CHECK(
      ill(looping, {"cp1"}) ==
      Texts{
          "Deployment kube-system/coredns: 0 of 2 replicas are available (pod coredns-a on cp1: coredns: CrashLoopBackOff: back-off 40s restarting failed container)"});
  CHECK(ill({list({node("cp1")}), {}, list({pod("etcd-cp1", "etcd", "cp1", kLoopingPod, "Node")})}, {"cp1"}) ==
        Texts{"Pod kube-system/etcd-cp1: coredns: CrashLoopBackOff: back-off 40s restarting failed container"});
}

TEST_CASE("pods of another workload or namespace are no reason for this one") {
  const auto other = list({pod("web-a", "web", "cp1", kLoopingPod)});
  CHECK(ill({list({node("cp1")}), list({deployment("coredns", 1, 2)}), other}, {"cp1"}) ==
        Texts{"Deployment kube-system/coredns: 1 of 2 replicas are available"});
  CHECK(ill({list({node("cp1")}), list({deployment("web", 1, 2, "shop")}), other}, {"cp1"}) ==
        Texts{"Deployment shop/web: 1 of 2 replicas are available"});
}

TEST_CASE("what ran on a node that was left out is nobody's fault, as long as something serves") {
  const auto nodes = list({node("cp1"), node("w1", "Unknown", "Kubelet stopped posting node status.")});
  const auto lost =
      list({pod("coredns-b", "coredns", "w1", kLoopingPod), pod("proxy", "kube-proxy", "w1", kLoopingPod, "Node")});
  CHECK(ill({nodes, list({deployment("coredns", 1, 2), daemons("kube-proxy", 1, 2)}), lost}, {"cp1"}).empty());
  CHECK(ill({nodes, list({deployment("coredns", 0, 2)}), {}}, {"cp1"}).size() == 1);
  CHECK(ill({nodes, list({daemons("kube-proxy", 0, 2)}), {}}, {"cp1"}).size() == 1);
  // reported, but does not count
  const auto judged = kube::judge_cluster({nodes, {}, {}}, {"cp1"});
  REQUIRE(judged.size() == 2);
  CHECK_FALSE(judged[1].counts);
  CHECK(judged[1].health.state != State::current);
  // with every node there, one missing replica counts
  CHECK(ill({list({node("cp1"), node("w1")}), list({deployment("coredns", 1, 2)}), {}}, {"cp1"}).size() == 1);
}
