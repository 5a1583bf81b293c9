// SPDX-License-Identifier: Apache-2.0
//
// kubeadm's documents for sites with a balancer or an etcd of their own.
#include <catch2/catch_test_macros.hpp>

#include "payload/yaml/node.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/kube/static_pod.h"

using namespace sealift;

namespace {

struct Site {
  format::BaseDocument base;
  config::ClusterConfig config;
  Site() {
    base.kubernetes_version = "v1.34.4";
    base.cri_socket = "unix:///run/containerd/containerd.sock";
    config.name = "plant7";
    config.external_etcd = config::ExternalEtcd{
        {"https://10.7.0.51:2379", "https://10.7.0.52:2379"}, "ca", "certificate", Secret("a key"), "key.pem"};
  }
  kube::KubeadmInput input() const { return {base, config, {"10.7.0.11"}, false, true}; }
  void document(const std::string& fields) {
    config.kubeadm = {{"ClusterConfiguration",
                       "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n" + fields + "\n", 17}};
  }
  yaml::Node cluster() const {
    const auto text = kube::init_documents(input(), {"cp1", "10.7.0.11", {}, true});
    if (!text) FAIL(text.error().text());
    CHECK_FALSE(text->contains("a key"));
    auto documents = yaml::parse(*text, "init");
    REQUIRE(documents);
    return documents->at(1);
  }
  std::string refusal() const {
    const auto text = kube::init_documents(input(), {"cp1", "10.7.0.11", {}, true});
    return text ? "" : text.error().text();
  }
};

std::vector<std::string> texts(const yaml::Node* list) {
  std::vector<std::string> out;
  REQUIRE(list != nullptr);
  for (const auto& item : list->items) out.push_back(item.text);
  return out;
}

}  // namespace

TEST_CASE("kubeadm is told the endpoints of the site's etcd, and where its keys lie") {
  const Site site;
  const auto cluster = site.cluster();
  CHECK(texts(cluster.at_path("etcd/external/endpoints")) == site.config.external_etcd->endpoints);
  CHECK(cluster.text_at("etcd/external/caFile") == "/etc/sealift/etcd/ca.crt");
  CHECK(cluster.text_at("etcd/external/certFile") == "/etc/sealift/etcd/client.crt");
  CHECK(cluster.text_at("etcd/external/keyFile") == "/etc/sealift/etcd/client.key");
}

TEST_CASE("kubeadm's documents name no other etcd than cluster.yaml") {
  Site site;
  site.document("etcd: {external: {endpoints: [\"https://10.7.0.99:2379\"]}}");
  CHECK(site.refusal().contains("at line 17 of cluster.yaml sets etcd/external, which Sealift sets itself"));
  site.document("etcd: {local: {dataDir: /data/etcd}}");
  CHECK(site.refusal().contains("sets etcd/local, and cluster.yaml has an etcd of the site"));
  site.config.external_etcd.reset();
  CHECK(site.refusal().empty());
  site.document("etcd: {external: {endpoints: [\"https://10.7.0.99:2379\"]}}");
  CHECK(site.refusal().contains("sets etcd/external"));
}

TEST_CASE("kubeadm gives the API servers the names of cluster.yaml, also beside a list of the site's documents") {
  Site site;
  site.config.api.cert_sans = {"k8s.lan"};
  site.config.api.balancer = config::SiteBalancer{"10.7.0.100", 443, false};
  CHECK(texts(site.cluster().at_path("apiServer/certSANs")) ==
        std::vector<std::string>{"127.0.0.1", "10.7.0.11", "k8s.lan", "10.7.0.100"});
  CHECK(kube::wanted_names(site.input()) == std::vector<std::string>{"k8s.lan", "10.7.0.100"});
  site.document("apiServer: {certSANs: [own.lan]}");
  CHECK(texts(site.cluster().at_path("apiServer/certSANs")) ==
        std::vector<std::string>{"own.lan", "k8s.lan", "10.7.0.100"});
  CHECK(kube::wanted_names(site.input()).size() == 3);
  site.config.api = {};
  site.config.kubeadm.clear();
  CHECK(kube::wanted_names(site.input()).empty());
}

TEST_CASE("kubeadm makes a certificate with the authority of a folder of its own") {
  const Site site;
  const auto text = kube::certificate_documents(site.input(), {"cp2", "10.7.0.12", {}, true}, "/etc/sealift/x");
  REQUIRE(text);
  const auto documents = yaml::parse(*text, "certificate");
  REQUIRE(documents);
  CHECK(documents->at(0).text_at("localAPIEndpoint/advertiseAddress") == "10.7.0.12");
  CHECK(documents->at(0).text_at("nodeRegistration/name") == "cp2");
  CHECK(documents->at(1).text_at("certificatesDir") == "/etc/sealift/x");
}

TEST_CASE("what a cluster's keys begin with in etcd") {
  Site site;
  CHECK(kube::etcd_prefix_of(site.input()) == "/registry/");
  site.document("apiServer: {extraArgs: [{name: v, value: \"4\"}, {name: etcd-prefix, value: /plant7}]}");
  CHECK(kube::etcd_prefix_of(site.input()) == "/plant7/");
  CHECK(kube::etcd_prefix(std::string("/x/")) == "/x/");
}

TEST_CASE("an argument of a static pod") {
  const auto pod = yaml::parse(
      "spec: {containers: [{command: [kube-apiserver, --secure-port=6443, --etcd-servers=https://a:1], args: [--v=2]}]}",
      "pod");
  REQUIRE(pod);
  CHECK(kube::argument(pod->front(), "secure-port") == "6443");
  CHECK(kube::argument(pod->front(), "v") == "2");
  CHECK_FALSE(kube::argument(pod->front(), "secure"));
  CHECK_FALSE(kube::argument({}, "secure-port"));
}
