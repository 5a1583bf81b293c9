// SPDX-License-Identifier: Apache-2.0
#include "payload/format/base_document.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using namespace sealift::format;

namespace {

const std::string kGood = R"(apiVersion: sealift.dev/v1
kind: Base
metadata: {name: kubernetes}
spec:
  kubernetesVersion: v1.34.4
  criSocket: unix:///run/containerd/containerd.sock
  images: {sandbox: "registry.k8s.io/pause:3.10.1"}
  tools: {kubeadm: "bin/${ARCH}/kubeadm", kubectl: k, helm: h, ctr: c}
  files:
  - {source: "bin/${ARCH}/runc", destination: /usr/local/bin/runc, mode: "0755", owner: "1:2", role: worker, template: no}
  - {source: a.tmpl, destination: /etc/a, template: yes}
  units:
  - {name: containerd.service, start: now}
  - {name: kubelet.service, start: kubeadm}
  modules: [overlay, br_netfilter]
  sysctls: {net.ipv4.ip_forward: "1"}
  ports: {all: [10250], control-plane: [6443, 2379]}
  minimum:
    control-plane: {cpus: 2, memory: 1700Mi, disk: 4Gi}
  kubeadm: |
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
)";

// `kGood` with one text replaced must be rejected; the message names the place and contains `why`.
void refused(std::string_view from, std::string_view to, std::string_view where, std::string_view why) {
  std::string text = kGood;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  const auto document = parse_base_document(text, "base.yaml");
  INFO(to);
  REQUIRE_FALSE(document);
  INFO(document.error().text());
  CHECK(document.error().code == ErrorCode::invalid_input);
  CHECK(document.error().what.starts_with(base::format("base.yaml:{}{}", where, where.ends_with(':') ? "" : ":")));
  CHECK(document.error().what.contains(why));
}

}  // namespace

TEST_CASE("every field of a base") {
  const auto document = parse_base_document(kGood, "base.yaml");
  if (!document) FAIL(document.error().text());
  CHECK(document->name == "kubernetes");
  CHECK(document->kubernetes_version == "v1.34.4");
  CHECK(document->cri_socket == "unix:///run/containerd/containerd.sock");
  CHECK(document->images.at("sandbox") == "registry.k8s.io/pause:3.10.1");
  CHECK(document->tools.size() == 4);
  REQUIRE(document->files.size() == 2);
  CHECK(document->files[0].mode == 0755);
  CHECK(document->files[0].uid == 1);
  CHECK(document->files[0].gid == 2);
  CHECK(document->files[0].role == HostRole::worker);
  CHECK_FALSE(document->files[0].is_template);
  CHECK(document->files[1].is_template);
  CHECK(document->files[1].mode == 0644);
  REQUIRE(document->units.size() == 2);
  CHECK(document->units[0].start_now);
  CHECK_FALSE(document->units[1].start_now);
  CHECK(document->modules == std::vector<std::string>{"overlay", "br_netfilter"});
  CHECK(document->sysctls.at("net.ipv4.ip_forward") == "1");
  CHECK(document->ports.at(HostRole::control_plane) == std::vector<uint16_t>{6443, 2379});
  CHECK(document->minimum.at(HostRole::control_plane).cpus == 2);
  CHECK(document->minimum.at(HostRole::control_plane).memory_bytes == uint64_t{1700} << 20);
  CHECK(document->minimum.at(HostRole::control_plane).disk_bytes == uint64_t{4} << 30);
  CHECK(document->kubeadm.contains("KubeletConfiguration"));
}

TEST_CASE("the base of this project is good") {
  const auto text = base::read_text_file(tests::source_path("packer/bases/kubernetes/base.yaml"), 1 << 20);
  REQUIRE(text);
  const auto document = parse_base_document(*text, "base.yaml");
  if (!document) FAIL(document.error().text());
  CHECK(document->units.size() >= 2);
}

TEST_CASE("a mistake is named with its place") {
  refused("criSocket: unix", "criSoket: unix", "6:3", "did you mean \"criSocket\"?");
  refused("v1.34.4", "1.34", "5:3", "v1.34.4");
  refused("v1.34.4", "[v1]", "5:3", "must be a text");
  refused("unix:///run", "/run", "6:3", "socket");
  refused("{sandbox: \"registry.k8s.io/pause:3.10.1\"}", "{pause: x}", "7:3", "sandbox");
  refused("registry.k8s.io/pause:3.10.1", "registry.k8s.io/Pause", "7:", "not an image name");
  refused("helm: h, ", "", "8:3", "must name helm");
  refused("helm: h", "helm: ../h", "8:", "");
  refused("/usr/local/bin/runc", "/usr/../bin/runc", "10:5", "");
  refused("/usr/local/bin/runc", "bin/runc", "10:5", "");
  refused("\"0755\"", "\"0799\"", "10:", "octal");
  refused("\"0755\"", "\"17777\"", "10:", "7777");
  refused("\"1:2\"", "root", "10:", "uid:gid");
  refused("role: worker", "role: master", "10:", "control-plane");
  refused("template: no", "template: \"no\"", "10:", "true or false");
  refused("/etc/a", "/usr/local/bin/runc", "11:5", "twice");
  refused("start: now", "start: later", "13:", "now or kubeadm");
  refused("kubelet.service", "containerd.service", "14:5", "twice");
  refused("kubelet.service", "--now.service", "14:", "unit");
  refused("br_netfilter", "../x", "15:", "a word");
  refused("net.ipv4.ip_forward", "../x", "16:", "kernel setting");
  refused("[10250]", "[102500]", "17:", "port");
  refused("1700Mi", "1700M", "19:", "size like");
  refused("4Gi", "99999999999999999999Gi", "19:", "size like");
  refused("cpus: 2", "cpus: 2Mi", "19:", "whole number");
  refused("    kind: KubeletConfiguration", "    kind: [", "20:3", "");
  refused("kind: Base", "kind: Bas", "2:1", "kind Base");
  CHECK_FALSE(parse_base_document("", "base.yaml"));
  CHECK_FALSE(parse_base_document(kGood + "---\n" + kGood, "base.yaml"));
}

TEST_CASE("the architecture in paths") {
  CHECK(expand_architecture("bin/${ARCH}/x-${ARCH}", *base::parse_architecture("arm64")) == "bin/arm64/x-arm64");
  CHECK(expand_architecture("bin/x", *base::parse_architecture("arm64")) == "bin/x");
}
