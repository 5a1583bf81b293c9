// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/kubeadm.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"

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

const kube::KubeadmNode kControlPlane{"cp1", "10.7.0.11", {}};

// Compared with a file; SEALIFT_ACCEPT=1 writes it.
void matches_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(SEALIFT_TEST_ROOT) + "/golden/kubeadm/" + name;
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
  site.config.kubeadm.push_back({"ClusterConfiguration",
                                 "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n  - {name: audit-log-maxage, value: \"30\"}\n"
                                 "networking: {dnsDomain: plant7.local}\n", 20});
  site.config.kubeadm.push_back({"KubeProxyConfiguration", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {maxPerCore: 0}\n", 30});
  const auto text = kube::init_documents(site.input(), kControlPlane);
  REQUIRE(text);
  matches_golden("init-merged.yaml", *text);
  CHECK(text->contains("certSANs"));
  CHECK(text->contains("mode: nftables"));
}

TEST_CASE("a field that Sealift owns can't be set to something else") {
  for (const auto* yaml : {"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncontrolPlaneEndpoint: 10.7.0.1:6443\n",
                           "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.33.0\n",
                           "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.1.0.0/16}\n"}) {
    Site site;
    site.config.kubeadm.push_back({"ClusterConfiguration", yaml, 17});
    const auto refused = kube::init_documents(site.input(), kControlPlane);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_config);
    CHECK(refused.error().what.contains("line 17"));
  }
  Site same;  // the same value is no contradiction
  same.config.kubeadm.push_back({"ClusterConfiguration", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.34.4\n", 17});
  CHECK(kube::init_documents(same.input(), kControlPlane));
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

TEST_CASE("the document of kubeadm join") {
  Site site;
  const auto text = kube::join_document(site.input(), {"w1", "10.7.0.21", {"db=only:NoSchedule"}}, {Secret("abcdef.0123456789abcdef"), "sha256:1234"});
  REQUIRE(text);
  matches_golden("join.yaml", std::string(text->reveal()));
}
