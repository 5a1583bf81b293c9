// SPDX-License-Identifier: Apache-2.0
//
// What is found through the API and between hosts.
#include "payload/base/format.h"
#include "runtime/inspection/gather.h"
#include "tests/unit/runtime/inspection/a_cluster.h"

using namespace sealift;
using tests::ACluster;
using tests::Ill;

TEST_CASE("inspection: an API server that does not answer, and none at all") {
  ACluster cluster;
  cluster.host("cp1").api_down = "connection refused";
  CHECK(cluster.ill() == Ill{"fail control-plane.api cp1"});
  cluster.look.cluster.reset();
  CHECK(cluster.ill() == Ill{"fail control-plane.api cp1", "fail control-plane.api the cluster"});
}

TEST_CASE("inspection: what the API could not be asked about is said") {
  ACluster cluster;
  cluster.look.cluster->troubles = {"pods: timeout"};
  CHECK(cluster.ill() == Ill{"fail control-plane.api the cluster"});
}

TEST_CASE("inspection: a static pod that is not ready, or that is gone") {
  ACluster cluster;
  auto& pods = cluster.look.cluster->pods;
  pods[2].ready = false;
  CHECK(cluster.evidence("control-plane.pods", "cp1").contains("kube-scheduler is not ready"));
  pods.erase(pods.begin() + 2);
  CHECK(cluster.ill() == Ill{"fail control-plane.pods cp1"});
  CHECK(cluster.evidence("control-plane.pods", "cp1").contains("knows no pod of its kube-scheduler"));
}

TEST_CASE("inspection: etcd") {
  ACluster cluster;
  auto& etcd = *cluster.host("cp1").answer->etcd;
  etcd.alarms = {"NOSPACE"};
  CHECK(cluster.ill() == Ill{"fail etcd.alarms cp1"});
  etcd.alarms = {};
  etcd.size = uint64_t{1500} << 20;
  CHECK(cluster.ill() == Ill{"warn etcd.size cp1"});
  etcd.size = uint64_t{1900} << 20;
  CHECK(cluster.ill() == Ill{"fail etcd.size cp1"});
  etcd.quota = uint64_t{8} << 30;
  CHECK(cluster.ill() == Ill{});
  etcd.fsync_us = 25'001;
  CHECK(cluster.ill() == Ill{"warn etcd.fsync cp1"});
  etcd.fsync_us = 0;  // it does not say
  etcd.leader = "0";
  CHECK(cluster.ill() == Ill{"fail etcd.leader cp1"});
  etcd.error = "connection refused";
  CHECK(cluster.ill() == Ill{"fail etcd.answers cp1"});
}

TEST_CASE("inspection: etcd's members are the control planes, and follow one leader") {
  ACluster cluster;
  cluster.look.hosts[1].config.role = format::HostRole::control_plane;
  for (const auto* component : {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
    cluster.look.cluster->pods.push_back(
        {"kube-system", base::format("{}-w1", component), "w1", "10.7.0.12", true, true, "Running", "Node", {}});
  auto second = *cluster.host("cp1").answer->etcd;
  second.member = "2";
  cluster.host("w1").answer->etcd = second;
  CHECK(cluster.ill() == Ill{"fail etcd.members w1"});
  auto& members = **cluster.look.cluster->members;
  members.push_back({"2", "", {"https://10.7.0.12:2380"}, false});
  CHECK(cluster.evidence("etcd.members", "w1").contains("never started"));
  members[1] = {"2", "w1", {"https://10.7.0.12:2380"}, true};
  CHECK(cluster.ill() == Ill{"warn etcd.members w1"});
  members[1].is_learner = false;
  members.push_back({"3", "cp9", {"https://10.7.0.99:2380"}, false});
  CHECK(cluster.ill() == Ill{"warn etcd.members etcd"});
  members.pop_back();
  CHECK(cluster.ill() == Ill{});
  cluster.host("w1").answer->etcd->leader = "2";
  CHECK(cluster.ill() == Ill{"fail etcd.leader etcd"});
  CHECK(cluster.evidence("etcd.leader", "etcd").contains("cp1 by cp1; w1 by w1"));
}

TEST_CASE("inspection: balancers and mirrors") {
  ACluster cluster;
  cluster.host("w1").answer->balancer = "connection refused";
  cluster.host("w2").answer->mirror = {2, {{"docker.io/library/redis:7.2", "404: not in artifact shop"}}, ""};
  CHECK(cluster.ill() == Ill{"fail balancer.local w1", "fail mirror.images w2"});
  CHECK(cluster.evidence("mirror.images", "w2").contains("1 of 3 images: docker.io/library/redis:7.2 (404"));
  cluster.host("w2").answer->mirror = {0, {{"a:1", "502: it is away"}, {"b:1", "502: another text"}}, ""};
  CHECK(cluster.evidence("mirror.images", "w2").contains("2 of 2 images: a:1 (502: it is away); nor b:1; "));
  cluster.host("w2").answer->mirror = {0, {}, "connection refused"};
  CHECK(cluster.ill() == Ill{"fail balancer.local w1", "fail mirror.answers w2"});
  cluster.host("cp1").answer->people = "did not answer the TLS handshake in time";
  CHECK(cluster.ill() == Ill{"fail mirror.people cp1", "fail balancer.local w1", "fail mirror.answers w2"});
  CHECK(cluster.evidence("mirror.people", "cp1").contains("TLS handshake"));
  cluster.look.cluster->site_balancer = "no route";
  CHECK(cluster.evidence("balancer.site", "the site's balancer").contains("no route"));
}

TEST_CASE("inspection: names, services and the mesh of pods") {
  ACluster cluster;
  auto& view = *cluster.host("w1").answer->pod;
  cluster.host("w1").answer->names = "no answer";
  view.names = "no answer";
  view.service = "Connection timed out";
  view.targets[1].error = "Connection timed out";
  CHECK(cluster.ill() ==
        Ill{"fail names.hosts w1", "fail names.pods w1", "fail network.services w1", "fail network.pods w1"});
  CHECK(cluster.evidence("network.pods", "w1").contains("from 1 of 2 other nodes: store/redis-0 on w2"));
  // a second pod of that node answers: the first may just have ended
  view.targets.push_back({"w2", "10.244.2.3", ""});
  CHECK(cluster.ill() == Ill{"fail names.hosts w1", "fail names.pods w1", "fail network.services w1"});
}

TEST_CASE("inspection: what a network policy may forbid is a warning that says so") {
  ACluster cluster;
  cluster.host("w1").answer->pod->targets[1].error = "Connection timed out";
  cluster.look.cluster->policed = {"store"};  // of the pod that is asked
  CHECK(cluster.ill() == Ill{"warn network.pods w1"});
  CHECK(cluster.evidence("network.pods", "w1").contains("a network policy may forbid it"));
  cluster.look.cluster->policed = {"shop"};  // of the pod that asks
  CHECK(cluster.ill() == Ill{"warn network.pods w1"});
  cluster.look.cluster->policed = {"another"};
  CHECK(cluster.ill() == Ill{"fail network.pods w1"});
}

TEST_CASE("inspection: a node without a pod of its own network is not asked, and that is said") {
  ACluster cluster;
  cluster.host("w1").answer->pod.reset();
  CHECK(cluster.ill() == Ill{});
  CHECK(cluster.evidence("network.pods", "w1").contains("not asked"));
}

TEST_CASE("inspection: applications by annotation, by manifest and by namespace, with the reason") {
  ACluster cluster;
  auto& objects = cluster.look.cluster->objects;
  objects.workloads = ACluster::list(ACluster::workload("Deployment", "shop", "web", 2, 0) + "," +
                                     ACluster::workload("StatefulSet", "store", "redis", 1, 0, "redis"));
  objects.pods = ACluster::list(
      R"({"kind":"Pod","metadata":{"namespace":"shop","name":"web-1","labels":{"app":"web"}},"spec":{"nodeName":"w1","containers":[{"name":"web","image":"docker.io/library/web:9"}]},)"
      R"("status":{"phase":"Running","containerStatuses":[{"name":"web","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s"}}}]}})");
  cluster.look.cluster->last_lines["shop/web-1"] = {"no database", "exiting"};
  CHECK(cluster.ill() == Ill{"fail app.healthy web", "fail app.healthy redis"});
  const auto why = cluster.evidence("app.healthy", "web");
  CHECK(why.contains("Deployment shop/web: 0 of 2 replicas are available"));
  CHECK(why.contains("CrashLoopBackOff"));
  CHECK(why.contains("the last lines of shop/web-1: no database | exiting"));
  cluster.artifact.app_of = [](const json::Value&) { return std::optional<std::string>("web"); };
  objects.workloads = ACluster::list(ACluster::workload("Deployment", "elsewhere", "x", 1, 0));
  CHECK(cluster.ill() == Ill{"fail app.healthy web"});
  cluster.artifact.app_of = {};
  CHECK(cluster.ill() == Ill{"warn app.others Deployment elsewhere/x"});
}

TEST_CASE("inspection: an application's object that is not there, whatever the others do") {
  ACluster cluster;
  cluster.look.cluster->missing = {{"redis", {"Deployment", "store", "sentinel"}}};
  CHECK(cluster.ill() == Ill{"fail app.healthy redis"});
  const auto why = cluster.evidence("app.healthy", "redis");
  CHECK(why.contains("Deployment store/sentinel is not there"));
  CHECK(why.contains("`apply` brings it back"));
}

TEST_CASE("inspection: definitions of kinds and APIs are an application's by release or manifest, else the site's") {
  ACluster cluster;
  cluster.look.cluster->artifacts[0].apps[1].objects = {
      {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.example.com"}};
  const auto lines = [](std::string_view release, std::string_view status) {
    return base::format(
        "CustomResourceDefinition things.example.com / [{{\"type\":\"Established\",\"status\":\"{0}\"}}]\n"
        "APIService v1.metrics.k8s.io {1} [{{\"type\":\"Available\",\"status\":\"{0}\",\"message\":\"no [such] "
        "service\"}}]\n"
        "CustomResourceDefinition new.example.com /\n\n",
        status, release);
  };
  cluster.look.cluster->definitions = inspection::definitions_of(lines("store/redis", "True"));
  REQUIRE(cluster.look.cluster->definitions.size() == 3);
  CHECK(cluster.ill() == Ill{"warn app.others CustomResourceDefinition new.example.com"});
  CHECK(cluster.evidence("app.healthy", "redis").contains("2 objects are healthy"));
  cluster.look.cluster->definitions = inspection::definitions_of(lines("store/redis", "False"));
  cluster.look.cluster->definitions.pop_back();
  CHECK(cluster.ill() == Ill{"fail app.healthy web", "fail app.healthy redis"});
  CHECK(cluster.evidence("app.healthy", "redis").contains("APIService v1.metrics.k8s.io: no [such] service"));
  CHECK(
      cluster.evidence("app.healthy", "web").contains("CustomResourceDefinition things.example.com: not established"));
  cluster.look.cluster->definitions = inspection::definitions_of(lines("/", "False"));
  cluster.look.cluster->definitions.pop_back();
  CHECK(cluster.ill() == Ill{"fail app.healthy web", "warn app.others APIService v1.metrics.k8s.io"});
}

TEST_CASE("inspection: a pod that no workload has made") {
  ACluster cluster;
  auto pod = ACluster::pod("shop", "alone", "w1", "10.244.1.9");
  pod.owner.clear();
  pod.ready = false;
  pod.phase = "Pending";
  cluster.look.cluster->pods.push_back(pod);
  CHECK(cluster.ill() == Ill{"fail app.healthy web"});
  CHECK(cluster.evidence("app.healthy", "web").contains("Pod shop/alone: phase Pending"));
  cluster.look.cluster->pods.back().space = "elsewhere";
  CHECK(cluster.ill() == Ill{"warn app.others Pod elsewhere/alone"});
  cluster.look.cluster->pods.back().phase = "Succeeded";
  CHECK(cluster.ill() == Ill{});
}

TEST_CASE("inspection: an image that no artifact has") {
  ACluster cluster;
  auto& objects = cluster.look.cluster->objects;
  objects.workloads = ACluster::list(ACluster::workload("Deployment", "shop", "web", 2, 0));
  const std::string pod =
      R"({"kind":"Pod","metadata":{"namespace":"shop","name":"web-1","labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"docker.io/library/web:9"}]},)"
      R"("status":{"phase":"Pending","containerStatuses":[{"name":"web","ready":false,"state":{"waiting":{"reason":"ImagePullBackOff","message":"not found"}}}]}})";
  objects.pods = ACluster::list(pod);
  CHECK(cluster.evidence("app.healthy", "web").contains("add `IMAGE docker.io/library/web:9` to the Kubefile"));
  cluster.look.cluster->artifacts[0].images["docker.io/library/web:9"] = cluster.artifact.identity;
  CHECK_FALSE(cluster.evidence("app.healthy", "web").contains("Kubefile"));
}

TEST_CASE("inspection: releases that are gone or half done, claims that are not bound, and the system's workloads") {
  ACluster cluster;
  cluster.look.cluster->releases.clear();
  CHECK(cluster.ill() == Ill{"fail app.release redis"});
  cluster.look.cluster->releases[{"redis", "store"}] = "pending-upgrade";
  CHECK(cluster.evidence("app.release", "redis").contains("is pending-upgrade"));
  cluster.look.cluster->releases[{"redis", "store"}] = "deployed";
  cluster.look.cluster->claims = ACluster::list(
      R"({"kind":"PersistentVolumeClaim","metadata":{"namespace":"store","name":"data"},"status":{"phase":"Pending"}})");
  cluster.look.cluster->events["PersistentVolumeClaim store/data"] = "FailedBinding no storage class";
  CHECK(cluster.ill() == Ill{"warn app.claims redis"});
  CHECK(cluster.evidence("app.claims", "redis").contains("no storage class"));
  cluster.look.cluster->claims = ACluster::list("");
  cluster.look.cluster->objects.workloads =
      ACluster::list(ACluster::workload("Deployment", "kube-system", "coredns", 2, 0));
  CHECK(cluster.ill() == Ill{"fail system.workloads Deployment kube-system/coredns"});
}

TEST_CASE("inspection: versions and the artifact") {
  ACluster cluster;
  auto& base = cluster.look.cluster->artifacts[0];
  base.kubernetes = "v1.34.5";
  CHECK(cluster.ill() ==
        Ill{"warn version.kubernetes cp1", "warn version.kubernetes w1", "warn version.kubernetes w2"});
  CHECK(cluster.evidence("version.kubernetes", "cp1").contains("kube-scheduler-cp1 is"));
  base.kubernetes = "v1.34.4";
  base.identity = hash::sha256(base::as_bytes("another"));
  CHECK(cluster.ill() == Ill{"warn version.artifact shop 3.4"});
}

TEST_CASE("inspection: kubectl's table of pods") {
  const auto rows = inspection::pod_rows(
      "shop   web-1   w1   10.244.1.2   <none>   Running   True   ReplicaSet   a:1,b:2\n"
      "kube-system   etcd-cp1   cp1   10.7.0.11   true   Running   False   Node   etcd:3\n"
      "x   y   <none>   <none>   <none>   Pending   <none>   <none>   c:1\nnonsense\n\n");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].has_own_network());
  CHECK(rows[0].ready);
  CHECK(rows[0].images == std::vector<std::string>{"a:1", "b:2"});
  CHECK_FALSE(rows[1].has_own_network());
  CHECK(rows[2].node.empty());
  CHECK_FALSE(rows[2].has_own_network());
}

TEST_CASE("inspection: a host is asked about at most two pods of each other node, those without policies first") {
  ACluster cluster;
  auto& pods = cluster.look.cluster->pods;
  for (int i = 3; i < 9; ++i) pods.push_back(ACluster::pod("store", "more", "w2", base::format("10.244.2.{}", i)));
  cluster.look.cluster->policed = {"store"};
  pods.push_back(ACluster::pod("free", "one", "w2", "10.244.2.99"));
  const auto question = inspection::question_for(cluster.host("w1"), cluster.look, cluster.config);
  std::vector<std::string> asked;
  for (const auto& target : question.targets) {
    if (target.node == "w2") asked.push_back(target.address);
  }
  CHECK(asked == std::vector<std::string>{"10.244.2.99", "10.244.2.2"});
  CHECK(question.own_pods == std::vector<std::string>{"10.244.1.2"});
  CHECK(question.service == "10.96.0.1:443");
  CHECK(question.name == "kubernetes.default.svc.cluster.local");
  CHECK_FALSE(question.etcd);
  REQUIRE(question.images.size() == 1);
  CHECK(question.images[0].name == "docker.io/library/redis:7.2");
  cluster.host("w2").away = Error{ErrorCode::unreachable, "gone", {}};  // nobody is accused for its sake
  for (const auto& target : inspection::question_for(cluster.host("w1"), cluster.look, cluster.config).targets)
    CHECK(target.node != "w2");
}
