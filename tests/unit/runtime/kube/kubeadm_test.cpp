// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/kubeadm.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "tests/support/source_tree.h"

using namespace sealift;

namespace {

struct Site {
  format::BaseDocument base;
  config::ClusterConfig config;
  Site() {
    base.kubernetes_version = "v1.34.4";
    base.cri_socket = "unix:///run/containerd/containerd.sock";
    base.kubeadm = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: nftables\n";
    config.name = "plant7";
    config.api.cert_sans = {"k8s.plant7.lan"};
  }
  kube::KubeadmInput input() const { return {base, config, {"10.7.0.11"}, false, true}; }
};

const kube::KubeadmNode kControlPlane{"cp1", "10.7.0.11", {}, true}, kWorker{"w1", "10.7.0.21", {"db=only:NoSchedule"}};
const kube::JoinToken kToken{Secret("abcdef.0123456789abcdef"), "sha256:1234"};

// "name=value" of a list of arguments, in order.
std::vector<std::string> arguments(const yaml::Node& document, std::string_view path) {
  std::vector<std::string> out;
  const auto* list = document.at_path(path);
  if (list == nullptr) return out;
  for (const auto& item : list->items) out.push_back(item.find("name")->text + "=" + item.find("value")->text);
  return out;
}

// Compared with a file; SEALIFT_ACCEPT=1 writes it.
void matches_golden(const std::string& name, const std::string& text) {
  const std::string path = tests::source_path("tests/golden/kubeadm/") + name;
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  const auto golden = base::read_text_file(path, 1 << 20);
  REQUIRE(golden);
  CHECK(text == *golden);
}

}  // namespace

TEST_CASE("the documents of kubeadm init") {
  Site site;
  const auto text = kube::init_documents(site.input(), kControlPlane);
  REQUIRE(text);
  matches_golden("init.yaml", *text);
}

TEST_CASE("the site's documents are merged over the base's: maps merge, arguments by name, lists replace") {
  Site site;
  site.base.kubeadm +=
      "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n  - {name: audit-log-maxage, value: \"7\"}\n  - {name: profiling, value: \"false\"}\n"
      "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nenforceNodeAllocatable: [pods, system-reserved]\nevictionHard: {memory.available: 100Mi, nodefs.available: 10%}\n";
  site.config.kubeadm.push_back(
      {"ClusterConfiguration",
       "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n  - {name: audit-log-maxage, value: \"30\"}\n  - {name: v, value: \"4\"}\n"
       "networking: {dnsDomain: plant7.local}\n",
       20});
  site.config.kubeadm.push_back(
      {"KubeProxyConfiguration",
       "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {maxPerCore: 0}\n", 30});
  site.config.kubeadm.push_back(
      {"KubeletConfiguration",
       "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nenforceNodeAllocatable: [none]\nevictionHard: {memory.available: 200Mi}\ncgroupDriver:\n",
       40});
  const auto text = kube::init_documents(site.input(), kControlPlane);
  REQUIRE(text);
  matches_golden("init-merged.yaml", *text);
  const auto documents = yaml::parse(*text, "init");
  REQUIRE(documents);
  REQUIRE(documents->size() == 4);
  const auto& cluster = (*documents)[1];
  CHECK(arguments(cluster, "apiServer/extraArgs") ==
        std::vector<std::string>{"audit-log-maxage=30", "profiling=false", "v=4"});
  CHECK(cluster.at_path("apiServer/certSANs")->items.size() == 3);  // in addition to the arguments
  CHECK(cluster.at_path("networking/podSubnet") != nullptr);
  const auto& kubelet = (*documents)[2];
  REQUIRE(kubelet.at_path("enforceNodeAllocatable")->items.size() == 1);
  CHECK(kubelet.at_path("enforceNodeAllocatable")->items[0].text == "none");
  CHECK(kubelet.find("evictionHard")->find("memory.available")->text == "200Mi");
  CHECK(kubelet.find("evictionHard")->find("nodefs.available")->text == "10%");
  CHECK(kubelet.at_path("cgroupDriver")->text == "systemd");  // a field without a value changes nothing
  CHECK((*documents)[3].at_path("mode")->text == "nftables");
}

TEST_CASE("a field that Sealift owns can't be set to something else, by the site or by the base") {
  struct Owned {
    const char* kind;
    const char* fields;
    const char* named;
  };
  const std::string api = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ";
  for (const auto& [kind, fields, named] : {
           Owned{"ClusterConfiguration", "controlPlaneEndpoint: 10.7.0.1:6443", "controlPlaneEndpoint"},
           Owned{"ClusterConfiguration", "kubernetesVersion: v1.33.0", "kubernetesVersion"},
           Owned{"ClusterConfiguration", "networking: {podSubnet: 10.1.0.0/16}", "networking/podSubnet"},
           Owned{"ClusterConfiguration", "networking: {serviceSubnet: 10.1.0.0/16}", "networking/serviceSubnet"},
           Owned{"ClusterConfiguration", "networking: [10.244.0.0/16]", "networking/podSubnet"},
           Owned{"ClusterConfiguration", "kubernetesVersion: {major: 1}", "kubernetesVersion"},
           Owned{"InitConfiguration", "localAPIEndpoint: {advertiseAddress: 10.7.0.12}",
                 "localAPIEndpoint/advertiseAddress"},
           Owned{"InitConfiguration", "localAPIEndpoint: {bindPort: 6444}", "localAPIEndpoint/bindPort"},
           Owned{"InitConfiguration", "nodeRegistration: {criSocket: \"unix:///run/crio/crio.sock\"}",
                 "nodeRegistration/criSocket"},
           Owned{"InitConfiguration", "nodeRegistration: {name: other}", "nodeRegistration/name"},
           Owned{"InitConfiguration",
                 "nodeRegistration: {kubeletExtraArgs: [{name: v, value: \"2\"}, {name: node-ip, value: 10.7.0.99}]}",
                 "node-ip"},
           Owned{"InitConfiguration", "nodeRegistration: {kubeletExtraArgs: [{name: node-ip}]}", "node-ip"},
           Owned{"InitConfiguration", "nodeRegistration: {kubeletExtraArgs: {node-ip: 10.7.0.99}}", "node-ip"},
           Owned{"JoinConfiguration", "nodeRegistration: {criSocket: \"unix:///run/crio/crio.sock\"}",
                 "nodeRegistration/criSocket"},
           Owned{"JoinConfiguration", "nodeRegistration: {name: other}", "nodeRegistration/name"},
           Owned{"JoinConfiguration", "nodeRegistration: {kubeletExtraArgs: [{name: node-ip, value: 10.7.0.99}]}",
                 "node-ip"},
           Owned{"JoinConfiguration", "discovery: {file: {kubeConfigPath: /x}}", "discovery"},
       }) {
    INFO(fields);
    const std::string yaml = api + kind + "\n" + fields + "\n";
    const auto refusal = [&](const Site& site) {
      const auto made = std::string_view(kind) == "JoinConfiguration"
                            ? kube::join_document(site.input(), kWorker, kToken).transform([](const Secret&) {})
                            : kube::init_documents(site.input(), kControlPlane).transform([](const std::string&) {});
      REQUIRE_FALSE(made);
      CHECK(made.error().code == ErrorCode::invalid_config);
      CHECK(made.error().what.contains(
          base::format("sets {}", std::string_view(named) == "node-ip" ? "the kubelet argument node-ip" : named)));
      return made.error().what;
    };
    Site site, base;
    site.config.kubeadm.push_back({kind, yaml, 17});
    CHECK(refusal(site).contains("at line 17 of cluster.yaml"));
    base.base.kubeadm = yaml;
    CHECK(refusal(base).contains("of the artifact's base"));
  }
}

TEST_CASE("the same value is no contradiction, and neither is a field without one") {
  for (const auto* fields : {"kubernetesVersion: v1.34.4", "networking:", "networking: {podSubnet: \"10.244.0.0/16\"}",
                             "controlPlaneEndpoint: \"127.0.0.1:7443\""}) {
    INFO(fields);
    Site site;
    const auto plain = kube::init_documents(site.input(), kControlPlane);
    site.config.kubeadm.push_back(
        {"ClusterConfiguration",
         base::format("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{}\n", fields), 17});
    const auto same = kube::init_documents(site.input(), kControlPlane);
    REQUIRE(same);
    CHECK(*same == *plain);
  }
  for (const auto* fields : {"nodeRegistration:", "nodeRegistration: {kubeletExtraArgs: }",
                             "nodeRegistration: {kubeletExtraArgs: [{name: node-ip, value: \"10.7.0.21\"}]}"}) {
    INFO(fields);
    Site site;
    const auto plain = kube::join_document(site.input(), kWorker, kToken);
    site.config.kubeadm.push_back(
        {"JoinConfiguration", base::format("apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n{}\n", fields),
         17});
    const auto same = kube::join_document(site.input(), kWorker, kToken);
    REQUIRE(same);
    CHECK(same->reveal() == plain->reveal());
  }
}

TEST_CASE("a cluster of one host takes ordinary pods, one with workers keeps them off the control plane") {
  Site site;
  auto input = site.input();
  CHECK(kube::init_documents(input, kControlPlane)->contains("node-role.kubernetes.io/control-plane"));
  input.has_workers = false;
  const auto alone = kube::init_documents(input, kControlPlane);
  CHECK_FALSE(alone->contains("node-role.kubernetes.io/control-plane"));
  CHECK(alone->contains("taints: []"));
}

TEST_CASE("kubelet is told to bear cgroup v1 only where a host has it") {
  Site site;
  auto input = site.input();
  CHECK_FALSE(kube::init_documents(input, kControlPlane)->contains("failCgroupV1"));
  CHECK(kube::preflight_arguments(input).empty());
  input.cgroup_v1 = true;
  CHECK(kube::init_documents(input, kControlPlane)->contains("failCgroupV1: false"));
  CHECK(kube::preflight_arguments(input).size() == 1);
}

TEST_CASE("the join command of kubeadm is read, with and without its line breaks") {
  const auto token = kube::parse_join_command(
      "kubeadm join 127.0.0.1:7443 --token abcdef.0123456789abcdef \\\n\t--discovery-token-ca-cert-hash sha256:1234 \n");
  REQUIRE(token);
  CHECK(token->token.reveal() == "abcdef.0123456789abcdef");
  CHECK(token->ca_hash == "sha256:1234");
  CHECK_FALSE(kube::parse_join_command("error: connection refused"));
}

TEST_CASE("a control plane that joins names its own address, and nothing that is secret but the token") {
  const Site site;
  const auto text = kube::join_document(site.input(), kControlPlane, kToken);
  REQUIRE(text);
  const std::string document(text->reveal());
  CHECK(document.contains(
      "controlPlane:\n  localAPIEndpoint:\n    advertiseAddress: \"10.7.0.11\"\n    bindPort: 6443\n"));
  CHECK(document.contains("node-role.kubernetes.io/control-plane"));
  CHECK_FALSE(document.contains("certificateKey"));
  CHECK_FALSE(kube::join_document(site.input(), kWorker, kToken)->reveal().contains("controlPlane"));
}

TEST_CASE("the document of kubeadm join") {
  Site site;
  const auto text = kube::join_document(site.input(), kWorker, kToken);
  REQUIRE(text);
  matches_golden("join.yaml", std::string(text->reveal()));
}

TEST_CASE("the document of kubeadm join of a further control plane, over IPv4 and IPv6") {
  for (const auto& [ip, golden] :
       {std::pair("10.7.0.12", "join-control-plane.yaml"), std::pair("fd00:7::12", "join-control-plane-ipv6.yaml")}) {
    const Site site;
    const auto text = kube::join_document(site.input(), {"cp2", ip, {}, true}, kToken);
    REQUIRE(text);
    matches_golden(golden, std::string(text->reveal()));
  }
}

TEST_CASE("a further control plane has its taints, and what the site's JoinConfiguration says of all that join") {
  Site site;
  site.config.kubeadm.push_back(
      {"JoinConfiguration",
       "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration:\n  kubeletExtraArgs:\n"
       "  - {name: v, value: \"4\"}\ntimeouts: {etcdAPICall: 5m0s}\n",
       20});
  const kube::KubeadmNode tainted{"cp2", "10.7.0.12", {"disk=fast:NoSchedule", "audit:NoExecute"}, true};
  const auto text = kube::join_document(site.input(), tainted, kToken);
  REQUIRE(text);
  matches_golden("join-control-plane-merged.yaml", std::string(text->reveal()));
}

TEST_CASE("no document gives the control plane's pods a folder of Sealift's own") {
  const auto refusal = [](bool of_site, const std::string& fields) {
    Site site;
    const auto text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n" + fields;
    if (of_site)
      site.config.kubeadm = {{"ClusterConfiguration", text, 12}};
    else
      site.base.kubeadm += "---\n" + text;
    const auto done = kube::init_documents(site.input(), kControlPlane);
    return done ? std::string() : done.error().what;
  };
  for (const std::string path :
       {"/etc/sealift", "/etc//sealift/./pki", "/run/x/../sealift/", "/var/lib/sealift/ledger"}) {
    INFO(path);
    const auto mounts = "apiServer: {extraVolumes: [{name: x, hostPath: " + path + ", mountPath: /x}]}\n";
    CHECK(refusal(false, mounts).contains("of the artifact's base sets hostPath to " + path));
    CHECK(refusal(true, mounts).contains("at line 12 of cluster.yaml sets hostPath to " + path));
    CHECK(refusal(true, "etcd: {local: {dataDir: " + path + "}}\n").contains("dataDir"));
  }
  CHECK(refusal(true, "certificatesDir: /proc/self\n").contains("sets certificatesDir, which Sealift sets itself"));
  CHECK(refusal(true, "apiServer: {extraVolumes: [{name: x, hostPath: /etc/sealift-audit, mountPath: /x}]}\n").empty());
}
