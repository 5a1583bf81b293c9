// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sample_artifact.h"

#include "payload/base/format.h"
#include "tests/support/payload_builder.h"

namespace sealift::sim {
namespace {

constexpr std::string_view kBase = R"(apiVersion: sealift.dev/v1
kind: Base
metadata: {name: kubernetes}
spec:
  kubernetesVersion: v1.34.4
  criSocket: unix:///run/containerd/containerd.sock
  images:
    sandbox: registry.k8s.io/pause:3.10.1
    kube-apiserver: registry.k8s.io/kube-apiserver:v1.34.4
    kube-proxy: registry.k8s.io/kube-proxy:v1.34.4
    coredns: registry.k8s.io/coredns/coredns:v1.12.1
  tools: {kubeadm: bin/kubeadm, kubectl: bin/kubectl, helm: bin/helm, ctr: bin/ctr}
  files:
  - {source: bin/kubeadm, destination: /usr/local/bin/kubeadm, mode: "0755"}
  - {source: etc/containerd.service, destination: /etc/systemd/system/containerd.service, mode: "0644"}
  - {source: etc/kubelet.service, destination: /etc/systemd/system/kubelet.service, mode: "0644"}
  units:
  - {name: containerd.service, start: now}
  - {name: kubelet.service, start: kubeadm}
  modules: [overlay, br_netfilter]
  sysctls: {net.ipv4.ip_forward: "1"}
  ports: {all: [10250], control-plane: [6443]}
  minimum: {worker: {cpus: 1}}
)";

std::string workload(std::string_view kind, std::string_view name, std::string_view image) {
  return base::format(
      "apiVersion: apps/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {{template: {{spec: {{containers: [{{name: main, image: \"{}\"}}]}}}}}}\n",
      kind, name, image);
}

format::Image packed(tests::PayloadBuilder& builder, const std::string& name, const std::string& holds) {
  format::Image image;
  image.name = name;
  image.root = builder.add_raw("manifest of " + holds);
  image.media_type = "application/vnd.oci.image.manifest.v1+json";
  image.platforms.push_back({Architecture::amd64,
                             image.root,
                             image.media_type,
                             builder.add_raw("config of " + holds),
                             {builder.add_raw("layer of " + holds)}});
  return image;
}

}  // namespace

std::vector<std::string> base_image_names() {
  return {"registry.k8s.io/coredns/coredns:v1.12.1", "registry.k8s.io/kube-apiserver:v1.34.4",
          "registry.k8s.io/kube-proxy:v1.34.4", "registry.k8s.io/pause:3.10.1"};
}

std::string sample_chart(size_t number) { return base::format("app{:03}", number); }

bool is_changed_chart(size_t number) { return number % 7 == 6; }

Bytes sample_payload(const std::string& name, const std::string& version, size_t charts, bool next) {
  tests::PayloadBuilder builder;
  format::Contents contents;
  contents.name = name;
  contents.version = version;
  const auto file = [&](const std::string& path, std::string_view text) {
    contents.tree[path] = {builder.add_raw(text), 0644};
  };
  contents.stubs.push_back({Architecture::amd64, builder.add_raw("the program itself")});
  file("base.yaml", kBase);
  for (const char* tool : {"kubeadm", "kubectl", "helm", "ctr"})
    file(std::string("bin/") + tool, std::string("program ") + tool);
  file("etc/containerd.service", "[Service]\nExecStart=/usr/local/bin/containerd\n");
  file("etc/kubelet.service", "[Service]\nExecStart=/usr/local/bin/kubelet\n");
  file("apps/flannel/all.yaml", workload("DaemonSet", "flannel", kFlannelImage));
  file("apps/hello/all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\n---\n" +
                                  workload("Deployment", "hello", kHelloImage));
  file("charts/redis/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 1.0.0\n");
  file("charts/redis/templates/redis.yaml", workload("Deployment", "redis", kRedisImage));
  contents.base_document = "base.yaml";
  contents.apps = {{"flannel", format::AppKind::manifests, true, "apps/flannel", {}, {}},
                   {"hello", format::AppKind::manifests, false, "apps/hello", {"redis"}, {}},
                   {"redis", format::AppKind::helm, false, "charts/redis", {}, "1.0.0"}};
  const auto uses = [&](size_t app, std::string_view image, const std::string& path) {
    contents.apps[app].uses.push_back({.image = std::string(image), .file = path});
  };
  uses(0, kFlannelImage, "apps/flannel/all.yaml");
  uses(1, kHelloImage, "apps/hello/all.yaml");
  uses(2, kRedisImage, "charts/redis/templates/redis.yaml");
  contents.launch = {"hello", "redis"};
  for (size_t i = 0; i < charts; ++i) {
    const auto app = sample_chart(i);
    const std::string chart_version = next && is_changed_chart(i) ? "1.1.0" : "1.0.0";
    file("charts/" + app + "/Chart.yaml", "apiVersion: v2\nname: " + app + "\nversion: " + chart_version + "\n");
    file("charts/" + app + "/templates/all.yaml",
         workload("Deployment", app, kRedisImage) + "# of version " + chart_version + "\n");
    auto needs = i % 10 == 9 ? std::vector{sample_chart(i - 1)} : std::vector<std::string>{};
    contents.apps.push_back({app, format::AppKind::helm, false, "charts/" + app, std::move(needs), chart_version});
    uses(contents.apps.size() - 1, kRedisImage, "charts/" + app + "/templates/all.yaml");
    contents.launch.push_back(app);
  }
  std::ranges::sort(contents.apps, {}, &format::App::name);
  auto names = base_image_names();
  names.insert(names.begin(), {std::string(kFlannelImage), std::string(kHelloImage), std::string(kRedisImage)});
  for (const auto& image : names) contents.images.push_back(packed(builder, image, image));
  builder.contents = format::to_json(contents);
  return builder.build();
}

Bytes erp_payload(const Erp& erp) {
  tests::PayloadBuilder builder;
  format::Contents contents;
  contents.name = erp.name;
  contents.version = erp.version;
  const auto file = [&](const std::string& path, std::string_view text) {
    contents.tree[path] = {builder.add_raw(text), 0644};
  };
  contents.stubs.push_back({Architecture::amd64, builder.add_raw("the program itself")});
  contents.requirements = {{std::string(format::kKubernetes), erp.requires_kubernetes}};
  file("apps/erp/all.yaml", workload("Deployment", "erp", kErpImage));
  file("etc/erp.conf", erp.text);
  if (!erp.file.empty()) contents.host_files = {{.source = "etc/erp.conf", .destination = erp.file}};
  contents.apps = {{"erp", format::AppKind::manifests, false, "apps/erp", {}, {}}};
  contents.apps[0].uses.push_back({.image = std::string(kErpImage), .file = "apps/erp/all.yaml"});
  contents.images.push_back(packed(builder, std::string(kErpImage), erp.image));
  if (erp.with_desk) {
    file("charts/desk/Chart.yaml", "apiVersion: v2\nname: desk\nversion: 1.0.0\n");
    file("charts/desk/templates/desk.yaml", workload("Deployment", "desk", kDeskImage));
    contents.apps.insert(contents.apps.begin(),
                         {"desk", format::AppKind::helm, false, "charts/desk", {"erp"}, "1.0.0"});
    contents.apps[0].uses.push_back({.image = std::string(kDeskImage), .file = "charts/desk/templates/desk.yaml"});
    contents.images.insert(contents.images.begin(), packed(builder, std::string(kDeskImage), "desk"));
  }
  for (const auto& app : contents.apps) contents.launch.push_back(app.name);
  builder.contents = format::to_json(contents);
  return builder.build();
}

}  // namespace sealift::sim
