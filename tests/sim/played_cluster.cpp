// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/played_cluster.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sim {

using base::Command;
using base::CommandIo;
using base::ExitStatus;
using tests::FakeMachine;

namespace {

bool is_active(const FakeMachine& machine, const std::string& unit) {
  const auto found = machine.world.units.find(unit);
  return found != machine.world.units.end() && found->second.active;
}

yaml::Node document(const std::string& text, std::string_view kind) {
  const auto documents = yaml::parse(text, "played");
  if (!documents) return {};
  for (const auto& document : *documents) {
    if (document.find("kind") != nullptr && document.find("kind")->text == kind) return document;
  }
  return {};
}

bool has_etcd_of_site(const yaml::Node& cluster) { return cluster.at_path("etcd/external") != nullptr; }

std::string etcd_arguments(const yaml::Node& cluster) {
  if (!has_etcd_of_site(cluster)) return "    - --etcd-servers=https://127.0.0.1:2379\n";
  std::string servers;
  for (const auto& endpoint : cluster.at_path("etcd/external/endpoints")->items)
    servers += (servers.empty() ? "" : ",") + endpoint.text;
  return base::format("    - --etcd-servers={}\n    - --etcd-keyfile={}\n", servers,
                      field(cluster, "etcd/external/keyFile"));
}

void write_manifests(FakeMachine& self, const yaml::Node& cluster, const yaml::Node& init) {
  const std::string domain = field(cluster, "networking/dnsDomain", "cluster.local");
  put(self, "/etc/kubernetes/manifests/kube-apiserver.yaml",
      base::format(
          "kind: Pod\nspec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --secure-port={}\n    - --service-account-issuer=https://kubernetes.default.svc.{}\n"
          "    - --service-cluster-ip-range={}\n{}",
          field(init, "localAPIEndpoint/bindPort"), domain, field(cluster, "networking/serviceSubnet"),
          etcd_arguments(cluster)));
  put(self, "/etc/kubernetes/manifests/kube-controller-manager.yaml",
      base::format(
          "kind: Pod\nspec:\n  containers:\n  - command:\n    - kube-controller-manager\n    - --cluster-cidr={}\n    - --cluster-name={}\n",
          field(cluster, "networking/podSubnet"), field(cluster, "clusterName")));
}

// Of a kubeconfig with one context.
std::string default_namespace(const std::string& kubeconfig) {
  const auto documents = yaml::parse(kubeconfig, "kubeconfig");
  const auto* contexts = documents && !documents->empty() ? documents->front().find("contexts") : nullptr;
  return contexts == nullptr || contexts->items.empty()
             ? "default"
             : field(contexts->items.front(), "context/namespace", "default");
}

// By its option, else by the first file of the environment that is there; only a file of root's alone.
bool has_kubeconfig(const FakeMachine& self, const Command& command, const CommandIo& io) {
  const auto is_one = [&](const std::string& path) {
    const auto file = self.world.files.find(path);
    return file != self.world.files.end() && file->second.spec.mode == 0600;
  };
  for (const std::string_view word : command.argv) {
    constexpr std::string_view kOption = "--kubeconfig=";
    if (!word.starts_with(kOption)) continue;
    const std::string path(word.substr(kOption.size()));
    return path == "/dev/stdin" ? base::as_text(io.input).contains("kind: Config") : is_one(path);
  }
  for (const std::string_view variable : command.environment) {
    constexpr std::string_view kName = "KUBECONFIG=";
    if (!variable.starts_with(kName)) continue;
    return std::ranges::any_of(base::split(variable.substr(kName.size()), ':'),
                               [&](const auto path) { return is_one(std::string(path)); });
  }
  return false;
}

// What a control plane that joins must have been given.
constexpr auto kClusterKeys = std::to_array<const char*>(
    {"ca.crt", "ca.key", "sa.pub", "sa.key", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key"});

void start_kubelet(FakeMachine& self, const yaml::Node& registration) {
  std::string ip;
  if (const auto* arguments = registration.find("kubeletExtraArgs")) {
    for (const auto& argument : arguments->items) {
      if (field(argument, "name") == "node-ip") ip = field(argument, "value");
    }
  }
  const std::string name = field(registration, "name");
  const std::string override_ = name == base::to_lower(self.facts.hostname) ? "" : "--hostname-override=" + name + " ";
  put(self, "/var/lib/kubelet/kubeadm-flags.env",
      base::format("KUBELET_KUBEADM_ARGS=\"{}--node-ip={}\"\n", override_, ip));
  put(self, "/var/lib/kubelet/config.yaml", "clusterDNS: [10.96.0.10]\nclusterDomain: cluster.local\n");
  self.start_unit(self.world.units["kubelet.service"], "kubelet.service");
}

}  // namespace

bool has(const Command& command, std::string_view word) { return std::ranges::contains(command.argv, word); }

std::string after(const Command& command, std::string_view word) {
  const auto found = std::ranges::find(command.argv, word);
  return found == command.argv.end() || found + 1 == command.argv.end() ? std::string() : *(found + 1);
}

std::string text_of(const FakeMachine& machine, const std::string& path) {
  const auto file = machine.world.files.find(path);
  return file == machine.world.files.end() ? std::string() : std::string(base::as_text(file->second.content));
}

std::string field(const yaml::Node& node, std::string_view path, const std::string& otherwise) {
  const auto* found = node.at_path(path);
  return found == nullptr ? otherwise : found->as_string().value_or(otherwise);
}

Result<ExitStatus> killed(const Error& error) {
  if (error.code == ErrorCode::unreachable) return fail(error);  // the machine died with it
  return bad(error.what, 137);
}

void put(FakeMachine& machine, const std::string& path, std::string_view text) {
  machine.world.files[path] = FakeMachine::File{host::FileType::regular, {0600, 0, 0}, base::to_bytes(text), {}};
  for (auto up = path.rfind('/'); up != 0; up = path.rfind('/', up - 1))
    machine.world.files.try_emplace(path.substr(0, up),
                                    FakeMachine::File{host::FileType::directory, {0755, 0, 0}, {}, {}});
}

// Called by its own machine or by others, under that machine's lock first.
bool PlayedCluster::api_answers() {
  FakeMachine& server = *control_plane;
  const std::lock_guard machine(server.lock());
  if (!server.reachable() || !is_active(server, "kubelet.service") || !is_active(server, "containerd.service"))
    return false;
  if (text_of(server, "/etc/kubernetes/manifests/kube-apiserver.yaml").empty()) return false;
  const std::lock_guard guard(mutex_);
  if (!state.made || !has_quorum()) return false;
  if (std::exchange(api_moved_, false)) boot_ = server.boots();  // it has been there all the time
  if (boot_ != server.boots()) {
    boot_ = server.boots();
    looks_before_api_ = kLooksUntilReady;
  }
  return looks_before_api_ <= 0 || --looks_before_api_ <= 0;
}

Result<ExitStatus> PlayedCluster::kubeadm(FakeMachine& self, const Command& command, bool has_images) {
  if (has(command, "reset")) return reset(self);
  if (has(command, "token")) {
    SIM_STAGE(self, "kubeadm token create");
    if (!api_answers()) return bad("could not reach the API server");
    const std::lock_guard guard(mutex_);
    token_ = "abcdef.0123456789abcdef";
    return good(
        base::format("kubeadm join 127.0.0.1:7443 --token {} --discovery-token-ca-cert-hash sha256:00\n", token_));
  }
  if (!self.world.files.contains(after(command, "--config"))) return bad("no configuration");
  const bool brings_keys = text_of(self, after(command, "--config")).contains("controlPlane:");
  for (const std::string path : {"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/pki/ca.crt",
                                 "/etc/kubernetes/manifests/kube-apiserver.yaml", "/var/lib/etcd/member"}) {
    if (brings_keys && path.ends_with("/ca.crt")) continue;
    if (self.world.files.contains(path)) return bad(base::format("[ERROR FileAvailable]: {} already exists", path));
  }
  if (!has_images) return bad("images are missing");
  return has(command, "init") ? init(self, command) : join(self, command);
}

Result<ExitStatus> PlayedCluster::init(FakeMachine& self, const Command& command) {
  const std::string text = text_of(self, after(command, "--config"));
  const auto cluster = document(text, "ClusterConfiguration"), init = document(text, "InitConfiguration");
  {
    const std::lock_guard guard(mutex_);
    ++inits[self.name()];
  }
  const bool of_site = has_etcd_of_site(cluster);
  if (of_site && text_of(self, field(cluster, "etcd/external/keyFile")).empty())
    return bad("[ERROR ExternalEtcdVersion]: no key for etcd");
  SIM_STAGE(self, "kubeadm init: certificates");
  for (const std::string key : kClusterKeys)
    put(self, "/etc/kubernetes/pki/" + key, key == "ca.key" ? "key" : "the " + key);
  put(self, "/etc/kubernetes/pki/ca.crt", "authority");
  SIM_STAGE(self, "kubeadm init: kubeconfig");
  put(self, "/etc/kubernetes/admin.conf", "admin");
  put(self, "/etc/kubernetes/kubelet.conf",
      base::format("clusters: [{{cluster: {{server: \"https://{}:6443\"}}}}]\nusers: [{{name: \"system:node:{}\"}}]\n",
                   self.facts.addresses.front().address, field(init, "nodeRegistration/name")));
  SIM_STAGE(self, "kubeadm init: manifests");
  write_manifests(self, cluster, init);
  if (!of_site) {
    put(self, "/etc/kubernetes/manifests/etcd.yaml", "");  // left by a power cut before it is on disk
    put(self, "/var/lib/etcd/member", "data");
  } else {
    const std::lock_guard guard(mutex_);
    if (objects_in_etcd_of_site > 0) faults.push_back("kubeadm init into an etcd that is not empty");
    objects_in_etcd_of_site += 100;
  }
  SIM_STAGE(self, "kubeadm init: kubelet");
  if (!of_site) put(self, "/etc/kubernetes/manifests/etcd.yaml", "kind: Pod\n");
  start_kubelet(self, *init.find("nodeRegistration"));
  {
    const std::lock_guard guard(mutex_);
    state = {};
    kept_config.clear();
    history.clear();
    revisions.clear();
    workloads_.clear();
    documents_ = text;
    const std::string name = field(init, "nodeRegistration/name");
    if (!of_site) state.etcd["1"] = {name, field(init, "localAPIEndpoint/advertiseAddress"), false};
    state.control_planes.insert(name);
    state.made = true;
    state.namespaces = {"default", "kube-system"};
    boot_ = self.boots();
    looks_before_known_[self.name()] = 2;
    state.nodes.insert(name);
    addresses_[name] = self.facts.addresses.front().address;
  }
  SIM_STAGE(self, "kubeadm init: add-ons");
  const std::lock_guard guard(mutex_);
  state.corefile =
      ".:53 {\n    errors\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n}\n";
  state.add_ons = true;
  return good();
}

Result<ExitStatus> PlayedCluster::join(FakeMachine& self, const Command& command) {
  const auto join = document(text_of(self, after(command, "--config")), "JoinConfiguration");
  const std::string endpoint = field(join, "discovery/bootstrapToken/apiServerEndpoint");
  if (!is_active(self, "sealift-api.service")) return bad("nobody answers on " + endpoint);
  if (!api_answers()) return bad("the API server does not answer");
  {
    const std::lock_guard guard(mutex_);
    ++joins[self.name()];
    if (token_.empty() || field(join, "discovery/bootstrapToken/token") != token_) return bad("the token is not known");
  }
  const auto* plane = join.find("controlPlane");
  const bool of_site = has_etcd_of_site(document(documents_, "ClusterConfiguration"));
  if (plane != nullptr && of_site && text_of(self, "/etc/sealift/etcd/client.key").empty())
    return bad("no key for etcd");
  const std::string node_name = field(join, "nodeRegistration/name");
  SIM_STAGE(self, "kubeadm join: bootstrap");
  if (plane == nullptr) {
    put(self, "/etc/kubernetes/pki/ca.crt", "authority");
  } else {
    for (const std::string key : kClusterKeys) {
      if (of_site && key.starts_with("etcd/")) continue;
      const std::string path = "/etc/kubernetes/pki/" + key;
      if (text_of(self, path).empty() || text_of(self, path) != text_of(*control_plane.load(), path))
        return bad("[ERROR] " + path + " is not the cluster's");
    }
    put(self, "/etc/kubernetes/admin.conf", "admin");
    write_manifests(self, document(documents_, "ClusterConfiguration"), *plane);
  }
  put(self, "/etc/kubernetes/bootstrap-kubelet.conf", "bootstrap");
  SIM_STAGE(self, "kubeadm join: kubelet");
  start_kubelet(self, *join.find("nodeRegistration"));
  SIM_STAGE(self, "kubeadm join: certificate");
  put(self, "/etc/kubernetes/kubelet.conf",
      base::format("clusters: [{{cluster: {{server: \"https://{}\"}}}}]\nusers: [{{name: default-auth}}]\n", endpoint));
  {
    // Like the real one: the kubelet registers some time after kubeadm has finished.
    const std::lock_guard guard(mutex_);
    const std::string name = field(join, "nodeRegistration/name");
    if (state.nodes.insert(name).second) looks_before_known_[name] = 2;
    addresses_[name] = self.facts.addresses.front().address;
  }
  SIM_STAGE(self, "kubeadm join: end");
  self.world.files.erase("/etc/kubernetes/bootstrap-kubelet.conf");
  if (plane == nullptr) return good();
  if (!of_site) {
    SEALIFT_ASSIGN(const auto voting, join_etcd(self, node_name, field(*plane, "localAPIEndpoint/advertiseAddress")));
    if (!voting.ok()) return voting;
  }
  SIM_STAGE(self, "kubeadm join: mark");
  const std::lock_guard guard(mutex_);
  looks_before_known_.erase(node_name);  // kubeadm has waited for it: it labels the node
  state.control_planes.insert(node_name);
  return good();
}

ExitStatus PlayedCluster::reset(FakeMachine& self) {
  const std::lock_guard guard(mutex_);
  ++resets[self.name()];
  // Like the real one: only etcd's manifest says where the data is, and a power cut may have emptied it.
  const bool finds_data = !text_of(self, "/etc/kubernetes/manifests/etcd.yaml").empty();
  // It takes its own member away, if that has started.
  if (finds_data && &self != control_plane)
    std::erase_if(state.etcd,
                  [&](const auto& entry) { return entry.second.ip == self.facts.addresses.front().address; });
  std::erase_if(self.world.files, [&](const auto& entry) {
    return entry.first.starts_with("/etc/kubernetes/") || (finds_data && entry.first.starts_with("/var/lib/etcd/")) ||
           entry.first.starts_with("/var/lib/kubelet/");
  });
  self.world.units["kubelet.service"].active = false;
  if (&self == control_plane) state = {};
  return good();
}

Result<ExitStatus> PlayedCluster::kubectl(FakeMachine& self, const Command& command, const CommandIo& io) {
  if (!has_kubeconfig(self, command, io)) return bad("no kubeconfig");
  if ((!is_of_others && !is_active(self, "sealift-api.service")) || !api_answers())
    return bad("The connection to the server 127.0.0.1:7443 was refused - did you specify the right host or port?");
  if (has(command, "--server=https://127.0.0.1:6443") &&
      text_of(self, "/etc/kubernetes/manifests/kube-apiserver.yaml").empty())
    return bad("The connection to the server 127.0.0.1:6443 was refused");
  if (has(command, "apply") && after(command, "--filename") == "-") {
    SIM_STAGE(self, "kubectl apply");
    const std::lock_guard guard(mutex_);
    const std::string text(base::as_text(io.input));
    (text.contains("\"sealift-history\"") ? history : kept_config) = text;
    return good();
  }
  if (has(command, "delete") && after(command, "--filename") == "-") {
    SIM_STAGE(self, "kubectl delete");
    const std::lock_guard guard(mutex_);
    delete_objects(std::string(base::as_text(io.input)));
    return good();
  }
  for (const auto* word : {"create", "apply", "label", "delete", "patch", "cordon", "drain"}) {
    if (has(command, word)) return change(self, command);
  }
  return get(command, io);
}

Result<ExitStatus> PlayedCluster::change(FakeMachine& self, const Command& command) {
  if (has(command, "apply")) {
    const std::string folder = after(command, "--filename");
    std::string manifests;
    for (const auto& [path, file] : self.world.files) {
      if (path.starts_with(folder + "/") && file.type == host::FileType::regular)
        manifests += base::format("---\n{}", base::as_text(file.content));
    }
    if (manifests.empty()) return bad("no such folder");
    SIM_STAGE(self, "kubectl apply");
    const std::lock_guard guard(mutex_);
    state.applied[folder] = manifests;
    roll_out(manifests, "", default_namespace(text_of(self, folder.substr(0, folder.rfind('/')) + "/namespace.yaml")));
    return good();
  }
  if (has(command, "drain")) return drain(self, command);
  const std::lock_guard guard(mutex_);
  if (has(command, "cordon")) return cordon(after(command, "cordon"));
  if (has(command, "delete")) return forget_node(after(command, "node"));
  if (has(command, "create")) {
    state.namespaces.insert(after(command, "namespace"));
    return good();
  }
  if (has(command, "label")) {
    const std::string node = after(command, "node");
    if (!state.nodes.contains(node) || looks_before_known_[node] > 0)
      return bad("Error from server (NotFound): nodes \"" + node + "\" not found");
    for (const auto& word : command.argv) {
      if (auto at = word.find('='); at != std::string::npos && !word.starts_with("--"))
        state.labels[node + " " + word.substr(0, at)] = word.substr(at + 1);
    }
    return good();
  }
  auto patch = json::parse(after(command, "--patch"));
  if (!patch) return bad("no JSON");
  state.corefile = *patch->at_path("data/Corefile")->string();
  return good();
}

Result<ExitStatus> PlayedCluster::get(const Command& command, const CommandIo& io) {
  const std::lock_guard guard(mutex_);
  if (has(command, "/version")) return good(R"({"gitVersion":"v1.34.4"})");
  if (has(command, "--raw")) return good("ok");
  if (has(command, "daemonset")) return good(state.add_ons ? "{}" : "");
  if (has(command, "namespace")) return good(state.namespaces.contains(after(command, "namespace")) ? "{}" : "");
  if (has(command, "sealift-cluster")) return good(kept_config);
  if (has(command, "sealift-history")) return good(history);
  if (has(command, "--filename") && has(command, "name")) {
    std::string names;
    const auto documents = yaml::parse(base::as_text(io.input), "stdin");
    if (!documents) return bad("error parsing STDIN");
    for (const auto& wanted : *documents) {
      const auto name = field(wanted, "kind") + "/" + field(wanted, "metadata/name");
      if (state.objects.contains(name)) names += name + "\n";
    }
    return good(names);
  }
  if (has(command, "configmap")) {
    if (!state.add_ons) return good();
    json::Value data = json::Value::object(), map = json::Value::object();
    data.set("Corefile", state.corefile);
    map.set("data", std::move(data));
    return good(json::to_canonical(map));
  }
  if (has(command, "node")) return node(after(command, "node"));
  if (has(command, "customresourcedefinitions,apiservices")) return good();  // all of them are well
  if (has(command, "deployments,statefulsets,daemonsets,customresourcedefinitions,apiservices"))
    return good(lasting_objects());
  json::Value list = json::Value::object(), items = json::Value::array();
  list.set("kind", "List");
  if (has(command, "secrets")) {  // with the labels name, version and status
    std::string table;
    for (const auto& [name, release] : state.releases)
      table += base::format("{}  sh.helm.release.v1.{}.v1  helm.sh/release.v1  1  5m  {}  1  {}\n", release.space, name,
                            name, release.status);
    return good(table);
  }
  if (has(command, "--filename")) {
    const auto documents = yaml::parse(base::as_text(io.input), "stdin");
    if (!documents) return bad("error parsing STDIN");
    for (const auto& wanted : *documents) {
      auto object = look_at(field(wanted, "kind"), field(wanted, "metadata/name"));
      auto metadata = *object.find("metadata");
      metadata.set("namespace", field(wanted, "metadata/namespace"));
      object.set("metadata", std::move(metadata));
      object.set("apiVersion", field(wanted, "apiVersion"));
      items.push_back(std::move(object));
    }
  } else if (has(command, "nodes")) {
    for (const auto& name : state.nodes) {
      if (looks_before_known_[name] > 0) continue;
      items.push_back(node_object(name));
    }
  } else if (has(command, "deployments,statefulsets,daemonsets")) {
    for (const auto& [name, workload] : workloads_)
      items.push_back(look_at(workload.kind, name.substr(name.find('/') + 1)));
    items.push_back(core_dns());
  } else if (has(command, "poddisruptionbudgets")) {
    items = all_budgets();
  } else if (const auto field = std::ranges::find_if(
                 command.argv, [](const std::string& word) { return word.starts_with("--field-selector="); });
             field != command.argv.end()) {
    items = pods_on(field->substr(field->rfind('=') + 1));
  } else if (has(command, "persistentvolumeclaims")) {
    // nothing here keeps data
  } else if (has(command, "pods")) {
    // a healthy cluster is never asked for these
  } else {
    return bad("not played: " + command.text());
  }
  list.set("items", std::move(items));
  return good(json::to_canonical(list));
}

}  // namespace sealift::sim
