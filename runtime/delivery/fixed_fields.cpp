// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/fixed_fields.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/kube/static_pod.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/join_step.h"

namespace sealift::delivery {
namespace {

using Text = std::optional<std::string>;
using config::Place;

constexpr std::string_view kDefaultDnsDomain = "cluster.local";  // kubeadm's default
constexpr size_t kMaxFile = size_t{1} << 20;

Result<std::string> text_of(host::HostView& host, std::string_view path) {
  SEALIFT_ASSIGN(const auto bytes, host.read(std::string(path), kMaxFile));
  return std::string(bytes ? base::as_text(*bytes) : "");
}

// The first document of a kind ("" = any); a null node if there is none.
yaml::Node document_in(std::string_view text, std::string_view where, std::string_view kind = {}) {
  auto documents = yaml::parse(text, where);
  if (!documents) return {};
  for (auto& document : *documents) {
    const auto* found = document.find("kind");
    if (kind.empty() || (found != nullptr && found->text == kind)) return std::move(document);
  }
  return {};
}

Text text_at(const yaml::Node& node, std::string_view path) {
  const auto* found = node.at_path(path);
  return found == nullptr ? Text{} : found->as_string();
}

Text after_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? Text(std::string(text.substr(prefix.size()))) : Text{};
}

// From KUBELET_KUBEADM_ARGS="--node-ip=10.7.0.11 …", as kubeadm writes it for the kubelet's unit.
Text kubelet_argument(std::string_view flags, std::string_view name) {
  std::string flat(flags);
  std::ranges::replace_if(flat, [](char c) { return c == '"' || c == '\n'; }, ' ');
  for (const auto word : base::split_words(flat)) {
    if (auto value = after_prefix(word, base::format("--{}=", name))) return value;
  }
  return {};
}

// "https://127.0.0.1:7443" → "7443"; any other host is not our balancer.
Text local_port(std::string_view server) {
  if (server.starts_with("https://")) server.remove_prefix(8);
  return after_prefix(server, "127.0.0.1:");
}

const yaml::Node* first_of(const yaml::Node& node, std::string_view list) {
  const auto* found = node.find(list);
  return found == nullptr || found->items.empty() ? nullptr : &found->items.front();
}

// kubeadm names a control plane's user after the node. A worker's kubeconfig does not name the node; the kubelet's
// arguments do if its name differs from the host name.
Text node_name(const yaml::Node& kubeconfig, std::string_view flags, const host::Facts& facts) {
  if (const auto* user = first_of(kubeconfig, "users")) {
    if (const auto name = after_prefix(text_at(*user, "name").value_or(""), "system:node:")) return name;
  }
  if (const auto name = kubelet_argument(flags, "hostname-override")) return name;
  return base::to_lower(facts.hostname);
}

Result<void> read_control_plane(host::HostView& host, std::string_view api_server, StandingNode& out) {
  const auto server = document_in(api_server, "kube-apiserver.yaml");
  out.api_port = kube::argument(server, "secure-port");
  out.services = kube::argument(server, "service-cluster-ip-range");
  out.etcd_servers = kube::argument(server, "etcd-servers");
  out.dns_domain =
      after_prefix(kube::argument(server, "service-account-issuer").value_or(""), "https://kubernetes.default.svc.");
  SEALIFT_ASSIGN(const auto manager_text, text_of(host, "/etc/kubernetes/manifests/kube-controller-manager.yaml"));
  const auto manager = document_in(manager_text, "kube-controller-manager.yaml");
  out.pods = kube::argument(manager, "cluster-cidr");
  out.cluster_name = kube::argument(manager, "cluster-name");
  // A control plane's kubelet asks the API server beside it; the endpoint for all others is in kubeadm's input.
  SEALIFT_ASSIGN(const auto given, text_of(host, steps::kInitConfiguration));
  const auto cluster = document_in(given, steps::kInitConfiguration, "ClusterConfiguration");
  out.api_local_port = local_port(text_at(cluster, "controlPlaneEndpoint").value_or(""));
  return {};
}

Result<void> read_artifacts(host::HostView& host, StandingNode& out) {
  SEALIFT_ASSIGN(const auto records, host::read_artifact_records(host));
  for (const auto& record : records) {
    if (record.is_served) out.served.insert(record.file_name());
  }
  const auto kept = std::ranges::find_if(records, [](const auto& record) { return !record.payloads.empty(); });
  if (kept == records.end()) return {};
  const auto& path = kept->payloads.front();
  const size_t folder = path.rfind("/payloads/");
  if (folder != std::string::npos) out.data_root = path.substr(0, folder);
  return {};
}

class Comparison {
 public:
  explicit Comparison(const steps::Model& model) : model_(model), config_(model.config) {}

  // Today's kubeadm input, including the base's and the site's own documents.
  Result<void> prepare() {
    if (!model_.makes_cluster()) return {};  // what the cluster's base says is not known here
    const steps::Node& node = model_.any_control_plane();
    SEALIFT_ASSIGN(const auto documents,
                   kube::init_documents(steps::kubeadm_input(model_), {node.name, node.ip, node.config.taints, true}));
    wanted_ = document_in(documents, "kubeadm's documents", "ClusterConfiguration");
    return {};
  }

  void compare(const steps::Node& node, const StandingNode& was) {
    const auto& places = node.config.places;
    const std::string of = base::format(" of {}", node.config.address);
    const std::string made = "this host became a node";
    differs("role" + of, std::string(format::name(node.config.role)), std::string(format::name(was.role)), made,
            places.role);
    differs("name" + of, node.name, was.name, made, node.config.name ? places.name : places.address);
    if (node.ip != was.ip.value_or(node.ip)) {
      add(places.address,
          base::format(
              "{} has the address {} among the nodes; it was {} when this host became a node and can't change: give the host that address again, or make a new cluster",
              node.config.address, node.ip, *was.ip));
    }
    differs("dataRoot" + of, node.config.data_root, was.data_root, "the payload was put there", places.data_root);
    const std::string cluster = "this cluster was made";
    differs("api.localPort", std::to_string(config_.api.local_port), was.api_local_port, cluster,
            config_.places.api_local_port);
    differs("api.port", std::to_string(config_.api.port), was.api_port, cluster, config_.places.api_port);
    compare_etcd(was);
    differs("network.pods", config_.network.pods, was.pods, cluster, config_.places.pods);
    differs("network.services", config_.network.services, was.services, cluster, config_.places.services);
    const auto name = place_of("clusterName");
    differs(name ? "clusterName" : "metadata.name", text_at(wanted_, "clusterName").value_or(config_.name),
            was.cluster_name, cluster, name.value_or(config_.places.name));
    if (!model_.makes_cluster()) return;
    differs("networking.dnsDomain", text_at(wanted_, "networking/dnsDomain").value_or(std::string(kDefaultDnsDomain)),
            was.dns_domain, cluster,
            place_of("networking/dnsDomain").value_or(place_of("").value_or(config_.places.spec)));
  }

  // An API server that is given another etcd finds an empty cluster.
  void compare_etcd(const StandingNode& was) {
    constexpr std::string_view kOwn = "https://127.0.0.1:2379";
    const auto& external = config_.external_etcd;
    const auto now = external ? base::join(external->endpoints, ",") : std::string(kOwn);
    if (!was.etcd_servers || *was.etcd_servers == now) return;
    const auto text = [&](const std::string& servers) {
      return servers == kOwn ? std::string("the control planes' own") : servers;
    };
    add(config_.places.etcd,
        base::format(
            "the cluster's etcd would be {}; it was {} when this cluster was made and can't change: {}, or make "
            "a new cluster",
            text(now), text(*was.etcd_servers),
            *was.etcd_servers == kOwn ? "take etcd.external out" : "write these endpoints in etcd.external"));
  }

  std::vector<config::Problem> take() {
    std::ranges::stable_sort(out_, {},
                             [](const config::Problem& problem) { return std::pair(problem.line, problem.column); });
    return std::move(out_);
  }

 private:
  // Within the site's own ClusterConfiguration.
  std::optional<Place> place_of(std::string_view field) const {
    for (const auto& document : config_.kubeadm) {
      if (document.kind != "ClusterConfiguration") continue;
      const auto found = document.places.find(std::string(field));
      if (found != document.places.end()) return found->second;
    }
    return std::nullopt;
  }

  void differs(std::string_view field, const std::string& now, const Text& was, std::string_view when,
               const Place& place) {
    if (!was || *was == now) return;
    add(place, base::format("{} is {}; it was {} when {} and can't change: write {}, or make a new cluster", field, now,
                            *was, when, *was));
  }

  void add(const Place& place, std::string message) {
    const config::Problem problem{config_.path, place.line, place.column, ErrorCode::unsupported, std::move(message)};
    // Fifty workers report the same difference in a cluster-wide field.
    if (std::ranges::none_of(out_, [&](const config::Problem& other) { return other.text() == problem.text(); }))
      out_.push_back(problem);
  }

  const steps::Model& model_;
  const config::ClusterConfig& config_;
  yaml::Node wanted_;
  std::vector<config::Problem> out_;
};

}  // namespace

Result<std::optional<StandingNode>> read_standing_node(host::HostView& host, const host::Facts& facts) {
  using Out = std::optional<StandingNode>;
  SEALIFT_ASSIGN(const auto made, host.recorded(std::string(steps::kInitStep)));
  SEALIFT_ASSIGN(const auto joined, host.recorded(std::string(steps::kJoinStep)));
  if (!made && !joined) return Out{};
  SEALIFT_ASSIGN(const auto kubeconfig_text, text_of(host, "/etc/kubernetes/kubelet.conf"));
  if (kubeconfig_text.empty()) return Out{};
  StandingNode out;
  SEALIFT_ASSIGN(const auto flags, text_of(host, "/var/lib/kubelet/kubeadm-flags.env"));
  const auto kubeconfig = document_in(kubeconfig_text, "kubelet.conf");
  out.name = node_name(kubeconfig, flags, facts);
  out.ip = kubelet_argument(flags, "node-ip");
  if (const auto* cluster = first_of(kubeconfig, "clusters"))
    out.api_local_port = local_port(text_at(*cluster, "cluster/server").value_or(""));
  // Whoever restarts the API server takes its manifest away for a while.
  SEALIFT_ASSIGN(const bool has_admin, steps::exists(host, std::string(steps::kAdminKubeconfig)));
  if (has_admin) out.role = format::HostRole::control_plane;
  SEALIFT_ASSIGN(const auto api_server, text_of(host, "/etc/kubernetes/manifests/kube-apiserver.yaml"));
  if (!api_server.empty()) {
    out.role = format::HostRole::control_plane;
    SEALIFT_TRY(read_control_plane(host, api_server, out));
  }
  SEALIFT_TRY(read_artifacts(host, out));
  return Out{std::move(out)};
}

Result<StandingNode> read_served_node(host::HostView& host, format::HostRole role) {
  StandingNode out;
  out.role = role;
  SEALIFT_TRY(read_artifacts(host, out));
  return out;
}

Result<std::vector<config::Problem>> changed_fixed_fields(const steps::Model& model,
                                                          const std::map<std::string, StandingNode>& standing) {
  if (standing.empty()) return std::vector<config::Problem>{};
  Comparison comparison(model);
  SEALIFT_TRY(comparison.prepare());
  for (const auto& node : model.nodes) {
    const auto was = standing.find(node.config.address);
    if (was != standing.end()) comparison.compare(node, was->second);
  }
  return comparison.take();
}

}  // namespace sealift::delivery
