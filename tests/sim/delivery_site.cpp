// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/delivery_site.h"

#include <algorithm>
#include <cstdlib>

#include "payload/base/text.h"
#include "payload/json/value.h"
#include "tests/support/payload_builder.h"

namespace sealift::sim {

using base::Command;
using base::CommandIo;
using base::ExitStatus;
using tests::FakeMachine;

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

Bytes make_payload() {
  tests::PayloadBuilder builder;
  format::Contents contents;
  contents.name = "shop";
  contents.version = "3.4";
  const auto file = [&](const std::string& path, std::string_view text) { contents.tree[path] = {builder.add_raw(text), 0644}; };
  contents.stubs.push_back({Architecture::amd64, builder.add_raw("the program itself")});
  file("base.yaml", kBase);
  for (const char* tool : {"kubeadm", "kubectl", "helm", "ctr"}) file(std::string("bin/") + tool, std::string("program ") + tool);
  file("etc/containerd.service", "[Service]\nExecStart=/usr/local/bin/containerd\n");
  file("etc/kubelet.service", "[Service]\nExecStart=/usr/local/bin/kubelet\n");
  file("apps/flannel/all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flannel}\n");
  file("apps/hello/all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\n");
  contents.base_document = "base.yaml";
  format::App network{"flannel", format::AppKind::manifests, true, "apps/flannel", {}, {}};
  format::App hello{"hello", format::AppKind::manifests, false, "apps/hello", {}, {}};
  contents.apps = {network, hello};
  contents.launch = {"hello"};
  for (const char* name : {"registry.k8s.io/coredns/coredns:v1.12.1", "registry.k8s.io/kube-apiserver:v1.34.4", "registry.k8s.io/kube-proxy:v1.34.4", "registry.k8s.io/pause:3.10.1"}) {
    format::Image image;
    image.name = name;
    image.root = builder.add_raw(std::string("manifest of ") + name);
    image.media_type = "application/vnd.oci.image.manifest.v1+json";
    image.platforms.push_back({Architecture::amd64, image.root, image.media_type, builder.add_raw(std::string("config of ") + name), {builder.add_raw(std::string("layer of ") + name)}});
    contents.images.push_back(std::move(image));
  }
  builder.contents = format::to_json(contents);
  return builder.build();
}

bool has(const Command& command, std::string_view word) { return std::ranges::contains(command.argv, word); }

std::string after(const Command& command, std::string_view word) {
  auto found = std::ranges::find(command.argv, word);
  return found == command.argv.end() || found + 1 == command.argv.end() ? std::string() : *(found + 1);
}

void put(FakeMachine& machine, const std::string& path, std::string_view text) {
  machine.world.files[path] = FakeMachine::File{host::FileType::regular, {0600, 0, 0}, base::to_bytes(text), {}};
}

ExitStatus ok(std::string output = {}) { return {0, std::move(output), {}}; }
ExitStatus bad(std::string errors) { return {1, {}, std::move(errors)}; }

std::string list_text(json::Value items) {
  json::Value list = json::Value::object();
  list.set("kind", "List");
  list.set("items", std::move(items));
  return json::to_canonical(list);
}

}  // namespace

bool Cluster::operator==(const Cluster& other) const {
  return made == other.made && nodes == other.nodes && labels == other.labels && namespaces == other.namespaces && applied == other.applied && corefile == other.corefile;
}

DeliverySite::DeliverySite(size_t hosts) : file_(std::make_unique<base::MemoryFile>(make_payload())) {
  auto reader = format::PayloadReader::open(*file_);
  if (!reader) std::abort();
  payload_ = std::move(*reader);
  config.name = "plant7";
  for (size_t i = 0; i < hosts; ++i) {
    config::HostConfig host;
    host.address = std::format("10.7.{}.{}", i / 250, i % 250 + 1);
    host.role = i == 0 ? format::HostRole::control_plane : format::HostRole::worker;
    if (i == 1) host.labels["zone"] = "a";
    config.hosts.push_back(host);
    auto& machine = machines_.emplace_back(std::make_unique<FakeMachine>(std::format("h{}", i)));
    equip(*machine, host.address);
    by_address_[host.address] = machine.get();
  }
}

void DeliverySite::equip(FakeMachine& machine, const std::string& address) {
  pulled_[machine.name()];  // afterwards the map itself no longer changes
  machine.facts.addresses = {{"eth0", address, 24}};
  machine.facts.nameservers = {};  // no DNS at all
  machine.programs["kubeadm"] = [this](FakeMachine& self, const Command& command, const CommandIo&) { return kubeadm(self, command); };
  machine.programs["kubectl"] = [this](FakeMachine& self, const Command& command, const CommandIo& io) { return kubectl(self, command, io); };
  machine.programs["ctr"] = [this](FakeMachine& self, const Command& command, const CommandIo&) -> Result<ExitStatus> {
    if (!self.world.units["containerd.service"].active) return bad("containerd does not run");
    auto& pulled = pulled_.at(self.name());
    if (has(command, "pull")) {
      if (!self.world.units["sealift-mirror.service"].active) return bad("nobody answers on 127.0.0.1:5000");
      pulled.insert(command.argv.back());
      return ok();
    }
    std::string out;
    for (const auto& image : pulled) out += image + "\n";
    return ok(out);
  };
  const std::string node_program = "node-" + payload_->contents().stubs.front().object.digest.hex().substr(0, 16);
  machine.programs[node_program] = [](FakeMachine& self, const Command& command, const CommandIo& io) -> Result<ExitStatus> {
    if (!self.world.files.contains(command.argv.front())) return fail(ErrorCode::not_found, "{}: not there", command.argv.front());
    const std::string folder = after(command, "--dir");
    if (has(command, "make-ca")) {
      put(self, folder + "/ca.crt", "authority");
      put(self, folder + "/ca.key", "key of the authority");
      return ok();
    }
    if (has(command, "make-key")) {
      put(self, folder + "/node.key", "key of " + self.name());
      return ok("public key of " + self.name());
    }
    return ok(std::format("certificate of {} for {}", after(command, "--name"), base::as_text(io.input)));
  };
}

Result<ExitStatus> DeliverySite::kubeadm(FakeMachine& machine, const Command& command) {
  auto& files = machine.world.files;
  const std::lock_guard guard(cluster.mutex);
  if (has(command, "token")) {
    if (!cluster.made) return bad("no cluster");
    return ok("kubeadm join 127.0.0.1:7443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00\n");
  }
  if (has(command, "reset")) {
    ++cluster.resets[machine.name()];
    std::erase_if(files, [](const auto& entry) { return entry.first.starts_with("/etc/kubernetes/") || entry.first.starts_with("/var/lib/etcd/"); });
    machine.world.units["kubelet.service"].active = false;
    if (machine.name() == "h0") cluster.made = false;
    return ok();
  }
  if (!files.contains(after(command, "--config"))) return bad("no configuration");
  if (files.contains("/etc/kubernetes/kubelet.conf")) return bad("[ERROR FileAvailable--etc-kubernetes-kubelet.conf]");
  if (!pulled_.at(machine.name()).contains("registry.k8s.io/pause:3.10.1")) return bad("images are missing");
  if (has(command, "init")) {
    ++cluster.inits[machine.name()];
    put(machine, "/etc/kubernetes/admin.conf", "admin");
    put(machine, "/etc/kubernetes/manifests/kube-apiserver.yaml", "pod");
    put(machine, "/etc/kubernetes/pki/ca.key", "key");
    put(machine, "/var/lib/etcd/member", "data");
    cluster.made = true;
    cluster.corefile = ".:53 {\n    errors\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n}\n";
  } else {
    ++cluster.joins[machine.name()];
    if (!cluster.made) return bad("no API server");
    put(machine, "/etc/kubernetes/pki/ca.crt", "authority");
  }
  put(machine, "/etc/kubernetes/kubelet.conf", "kubelet");
  put(machine, "/var/lib/kubelet/config.yaml", "clusterDNS: [10.96.0.10]\nclusterDomain: cluster.local\n");
  machine.world.units["kubelet.service"].active = true;
  // Like the real one: the kubelet makes itself known some time after kubeadm has come to its end.
  if (cluster.nodes.insert(machine.name()).second) cluster.looks_before_known[machine.name()] = 2;
  return ok();
}

Result<ExitStatus> DeliverySite::kubectl(FakeMachine& machine, const Command& command, const CommandIo&) {
  if (!machine.world.files.contains("/etc/kubernetes/admin.conf")) return bad("no kubeconfig");
  const std::lock_guard guard(cluster.mutex);
  if (!cluster.made) return bad("no API server");
  if (has(command, "--raw")) return ok("ok");
  if (has(command, "create")) {
    cluster.namespaces.insert(after(command, "namespace"));
    return ok();
  }
  if (has(command, "apply")) {
    const std::string folder = after(command, "--filename");
    if (std::ranges::none_of(machine.world.files, [&](const auto& entry) { return entry.first.starts_with(folder + "/"); })) return bad("no such folder");
    cluster.applied.insert(folder);
    return ok();
  }
  if (has(command, "label")) {
    const std::string node = after(command, "node");
    if (!cluster.nodes.contains(node) || cluster.looks_before_known[node] > 0) return bad("Error from server (NotFound): nodes \"" + node + "\" not found");
    for (const auto& word : command.argv) {
      if (auto at = word.find('='); at != std::string::npos && !word.starts_with("--")) cluster.labels[node + " " + word.substr(0, at)] = word.substr(at + 1);
    }
    return ok();
  }
  if (has(command, "delete")) {
    cluster.nodes.erase(after(command, "node"));
    return ok();
  }
  if (has(command, "patch")) {
    auto patch = json::parse(after(command, "--patch"));
    if (!patch) return bad("no JSON");
    cluster.corefile = *patch->at_path("data/Corefile")->string();
    return ok();
  }
  if (has(command, "daemonset")) return ok("{}");
  if (has(command, "namespace")) return ok(cluster.namespaces.contains(after(command, "namespace")) ? "{}" : "");
  if (has(command, "configmap")) {
    json::Value data = json::Value::object(), map = json::Value::object();
    data.set("Corefile", cluster.corefile);
    map.set("data", std::move(data));
    return ok(json::to_canonical(map));
  }
  if (has(command, "node")) {
    const std::string node = after(command, "node");
    if (!cluster.nodes.contains(node)) return ok();
    if (int& looks = cluster.looks_before_known[node]; looks > 0) {
      --looks;
      return ok();
    }
    json::Value labels = json::Value::object();
    for (const auto& [key, value] : cluster.labels) {
      if (key.starts_with(node + " ")) labels.set(key.substr(node.size() + 1), value);
    }
    return ok(R"({"metadata":{"labels":)" + json::to_canonical(labels) + R"(},"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
  }
  if (has(command, "nodes")) {
    json::Value items = json::Value::array();
    for (const auto& node : cluster.nodes) {
      if (cluster.looks_before_known[node] > 0) continue;
      items.push_back(*json::parse(std::format(R"({{"kind":"Node","metadata":{{"name":"{}"}},"status":{{"conditions":[{{"type":"Ready","status":"True"}}]}}}})", node)));
    }
    return ok(list_text(std::move(items)));
  }
  if (has(command, "deployments,statefulsets,daemonsets")) {
    // CoreDNS comes up after the network is there, and after some looks.
    const bool network = std::ranges::any_of(cluster.applied, [](const std::string& folder) { return folder.contains("/flannel/"); });
    const int ready = network && cluster.looks_before_names-- <= 0 ? 2 : 0;
    json::Value items = json::Value::array();
    items.push_back(*json::parse(std::format(R"({{"kind":"Deployment","metadata":{{"name":"coredns","namespace":"kube-system","generation":1}},"spec":{{"replicas":2}},)"
                                             R"("status":{{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"readyReplicas":{0},"availableReplicas":{0}}}}})", ready)));
    return ok(list_text(std::move(items)));
  }
  if (has(command, "pods")) return ok(list_text(json::Value::array()));
  if (has(command, "--filename")) return ok(R"({"kind":"List","items":[]})");
  return bad("not played: " + command.text());
}

std::vector<steps::Connection> DeliverySite::connect(const std::vector<config::HostConfig>& hosts, steps::Purpose) {
  std::vector<steps::Connection> out;
  for (const auto& host : hosts) out.push_back({host.address, tests::connect_fake(*by_address_.at(host.address))});
  return out;
}

Result<std::unique_ptr<host::Host>> DeliverySite::reconnect(const config::HostConfig& host, steps::Purpose) {
  return tests::connect_fake(*by_address_.at(host.address));
}

Result<steps::Outcome> DeliverySite::apply(engine::Journal& journal, EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  steps::DeliveryInput input{*payload_, config, *this, journal, events, clock, cancel};
  return steps::apply(input);
}

Result<steps::PlanOutcome> DeliverySite::plan() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  steps::DeliveryInput input{*payload_, config, *this, journal, base::no_events(), clock, {}};
  return steps::plan(input);
}

void DeliverySite::all_reachable(bool reachable) {
  for (auto& machine : machines_) machine->set_reachable(reachable);
}

std::map<std::string, FakeMachine::World> DeliverySite::worlds() {
  std::map<std::string, FakeMachine::World> out;
  for (auto& machine : machines_) {
    const std::lock_guard guard(machine->lock());
    out[machine->name()] = machine->world;
  }
  return out;
}

size_t DeliverySite::changes() {
  size_t out = 0;
  for (auto& machine : machines_) out += machine->changes.size();
  return out;
}

}  // namespace sealift::sim
