// SPDX-License-Identifier: Apache-2.0
//
// A cluster that is well, written down as values: a control plane, two workers, two applications. Tests break one
// thing.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/format.h"
#include "runtime/inspection/catalog.h"
#include "runtime/inspection/judge.h"

namespace sealift::tests {

inline constexpr int64_t kNowMs = 1'800'000'000'000, kDayMs = 86'400'000;

struct ACluster {
  config::ClusterConfig config;
  inspection::Look look;
  inspection::Artifact artifact{"shop", "shop 3.4", hash::sha256(base::as_bytes("shop")), true, {"redis"}, {}, {}};
  inspection::DiskHistory disks;

  ACluster() {
    look.now_ms = kNowMs;
    const std::vector<std::string> names{"cp1", "w1", "w2"};
    for (size_t i = 0; i < names.size(); ++i) add_host(names[i], base::format("10.7.0.{}", 11 + i), i == 0);
    auto& cluster = look.cluster.emplace();
    cluster.asked = "cp1";
    std::string nodes;
    for (const auto& host : look.hosts) nodes += (nodes.empty() ? "" : ",") + node(host.name);
    cluster.objects.nodes = list(nodes);
    cluster.objects.workloads = list(workload("Deployment", "shop", "web", 2, 2) + "," +
                                     workload("StatefulSet", "store", "redis", 1, 1, "redis") + "," +
                                     workload("Deployment", "kube-system", "coredns", 2, 2));
    cluster.objects.pods = list("");
    cluster.claims = list("");
    for (const auto* component : {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
      cluster.pods.push_back({"kube-system",
                              base::format("{}-cp1", component),
                              "cp1",
                              "10.7.0.11",
                              true,
                              true,
                              "Running",
                              "Node",
                              {base::format("registry.k8s.io/{}:v1.34.4", component)}});
    cluster.pods.push_back(pod("kube-system", "coredns-1", "cp1", "10.244.0.2"));
    cluster.pods.push_back(pod("shop", "web-1", "w1", "10.244.1.2"));
    cluster.pods.push_back(pod("store", "redis-0", "w2", "10.244.2.2"));
    cluster.releases[{"redis", "store"}] = "deployed";
    cluster.api_service = "10.96.0.1";
    cluster.names = steps::NameService{"10.96.0.10", "cluster.local"};
    host::ArtifactRecord record{.name = "shop",
                                .version = "3.4",
                                .is_base = true,
                                .kubernetes = "v1.34.4",
                                .identity = artifact.identity,
                                .payloads = {},
                                .apps = {},
                                .images = {},
                                .files = {}};
    record.apps = {{"redis", "store", "redis"}, {"web", "shop", "web"}};
    record.images["docker.io/library/redis:7.2"] = artifact.identity;
    cluster.artifacts.push_back(std::move(record));
    cluster.members = std::vector<steps::EtcdMember>{{"1", "cp1", {"https://10.7.0.11:2380"}, false}};
  }

  static json::Value list(const std::string& items) {
    auto out = json::parse(R"({"kind":"List","items":[)" + items + "]}");
    if (!out) FAIL(out.error().text());
    return *out;
  }
  static std::string node(const std::string& name, bool ready = true, const std::string& more = "") {
    return base::format(
        R"({{"kind":"Node","metadata":{{"name":"{0}","labels":{{"zone":"a"}}}},"spec":{{{2}}},"status":{{"nodeInfo":{{"kubeletVersion":"v1.34.4","bootID":"boot of {0}"}},)"
        R"("conditions":[{{"type":"Ready","status":"{1}","message":"the kubelet is gone"}}]}}}})",
        name, ready ? "True" : "Unknown", more);
  }
  static std::string workload(const std::string& kind, const std::string& space, const std::string& name, int wanted,
                              int ready, const std::string& release = "") {
    const std::string annotations =
        release.empty()
            ? ""
            : base::format(R"("meta.helm.sh/release-name":"{}","meta.helm.sh/release-namespace":"{}")", release, space);
    return base::format(
        R"({{"kind":"{0}","metadata":{{"namespace":"{1}","name":"{2}","annotations":{{{5}}}}},)"
        R"("spec":{{"replicas":{3},"selector":{{"matchLabels":{{"app":"{2}"}}}},"template":{{"spec":{{"containers":[{{"name":"{2}","image":"docker.io/library/{2}:9"}}]}}}}}},)"
        R"("status":{{"observedGeneration":1,"replicas":{3},"updatedReplicas":{3},"readyReplicas":{4},"availableReplicas":{4}}}}})",
        kind, space, name, wanted, ready, annotations);
  }
  static inspection::PodRow pod(const std::string& space, const std::string& name, const std::string& node,
                                const std::string& ip) {
    return {space, name, node, ip, false, true, "Running", "ReplicaSet", {}};
  }

  void add_host(const std::string& name, const std::string& ip, bool is_control_plane) {
    auto& host = look.hosts.emplace_back();
    host.config.address = ip;
    host.config.role = is_control_plane ? format::HostRole::control_plane : format::HostRole::worker;
    host.name = name;
    host.ip = ip;
    host.worked_on = true;
    host.facts.clock_ms = host.read_at_ms = kNowMs;
    for (const auto* unit : {"containerd.service", "kubelet.service", "sealift-api.service", "sealift-mirror.service"})
      host.units[unit] = {true, true, "active", "running"};
    auto& answer = host.answer.emplace();
    answer.boot_id = "boot of " + name;
    answer.mirror = {3, {}, {}};
    answer.balancer = answer.names = "";
    answer.disks = {{"/", "/", 50, 100, 50, 100, false}, {"/var/lib/kubelet", "/", 50, 100, 50, 100, false}};
    answer.certificates = {{"/etc/kubernetes/pki/apiserver.crt", kNowMs - kDayMs, kNowMs + 300 * kDayMs},
                           {"/etc/sealift/pki/node/server.pem", kNowMs - kDayMs, kNowMs + 300 * kDayMs},
                           {"/etc/sealift/pki/ca.crt", kNowMs - kDayMs, kNowMs + 7'300 * kDayMs}};
    if (is_control_plane) answer.people = "";
    answer.pod = {base::format("10.244.{}.2", look.hosts.size() - 1), "", "", {}, ""};
    for (const auto* other : {"cp1", "w1", "w2"}) {
      if (other == name) continue;
      const size_t at = other == std::string_view("cp1") ? 0 : other == std::string_view("w1") ? 1 : 2;
      answer.pod->targets.push_back({other, base::format("10.244.{}.2", at), ""});
    }
    if (is_control_plane) answer.etcd = {"1", "1", "3.6.5", 40 << 20, 20 << 20, uint64_t{2} << 30, 700, {}, 4'000, ""};
  }
  inspection::HostLook& host(std::string_view name) {
    return *std::ranges::find(look.hosts, name, &inspection::HostLook::name);
  }

  std::vector<inspection::Observation> judge() const {
    auto out = inspection::judge(look, {config, artifact, disks});
    for (const auto& one : out) {
      INFO(one.id << " " << one.subject);
      CHECK(inspection::is_known(one.id));
      CHECK_FALSE(one.evidence.empty());
      CHECK(one.remedy.empty() == (one.verdict == inspection::Verdict::ok));
    }
    return out;
  }
  // What is not well; "fail disk.space w1".
  std::vector<std::string> ill() const {
    std::vector<std::string> out;
    for (const auto& one : judge()) {
      if (one.verdict != inspection::Verdict::ok)
        out.push_back(base::format("{} {} {}", inspection::name(one.verdict), one.id, one.subject));
    }
    return out;
  }
  std::string evidence(std::string_view id, std::string_view subject) const {
    for (const auto& one : judge()) {
      if (one.id == id && one.subject == subject) return one.evidence + "; " + one.remedy;
    }
    return {};
  }
};

using Ill = std::vector<std::string>;

}  // namespace sealift::tests
