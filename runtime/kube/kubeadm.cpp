// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/kubeadm.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/destination.h"
#include "payload/yaml/node.h"
#include "runtime/kube/static_pod.h"

namespace sealift::kube {
namespace {

using yaml::Node;

constexpr std::string_view kKubeadmApi = "kubeadm.k8s.io/v1beta4";

Node texts(const std::vector<std::string>& list) {
  Node out = Node::make_sequence();
  for (const auto& text : list) out.push_back(Node::make_string(text));
  return out;
}

Node document(std::string_view api, std::string_view kind) {
  Node out = Node::make_mapping();
  out.set("apiVersion", Node::make_string(std::string(api)));
  out.set("kind", Node::make_string(std::string(kind)));
  return out;
}

Node argument(std::string name, std::string value) {
  Node out = Node::make_mapping();
  out.set("name", Node::make_string(std::move(name)));
  out.set("value", Node::make_string(std::move(value)));
  return out;
}

bool is_arguments(std::string_view key) { return key == "extraArgs" || key == "kubeletExtraArgs"; }

// Mappings merge, arguments merge by name, everything else is replaced; a field without a value changes nothing.
void merge_into(Node& into, const Node& over) {
  for (const auto& [key, value] : over.members) {
    Node* there = into.find(key);
    if (value.is_null()) continue;
    if (there == nullptr) {
      into.members.emplace_back(key, value);
    } else if (is_arguments(key) && there->kind == yaml::Kind::sequence && value.kind == yaml::Kind::sequence) {
      for (const auto& item : value.items) {
        const auto* name = item.find("name");
        const auto same = std::ranges::find_if(there->items, [&](const Node& other) {
          return name != nullptr && other.find("name") != nullptr && other.find("name")->text == name->text;
        });
        if (same == there->items.end())
          there->items.push_back(item);
        else
          *same = item;
      }
    } else if (there->kind == yaml::Kind::mapping && value.kind == yaml::Kind::mapping) {
      merge_into(*there, value);
    } else {
      *there = value;
    }
  }
}

std::string endpoint(const config::ClusterConfig& config) {
  return base::format("127.0.0.1:{}", config.api.local_port);
}

// Of cluster.yaml's own fields.
std::vector<std::string> api_names(const config::ClusterConfig& config) {
  auto out = config.api.cert_sans;
  if (config.api.balancer && !std::ranges::contains(out, config.api.balancer->address))
    out.push_back(config.api.balancer->address);
  return out;
}

Node taints_of(const std::vector<std::string>& taints) {
  Node out = Node::make_sequence();
  for (const auto& text : taints) {
    const size_t colon = text.rfind(':');
    const std::string left = text.substr(0, colon);
    const size_t equals = left.find('=');
    Node taint = Node::make_mapping();
    taint.set("key", Node::make_string(left.substr(0, equals)));
    if (equals != std::string::npos) taint.set("value", Node::make_string(left.substr(equals + 1)));
    taint.set("effect", Node::make_string(text.substr(colon + 1)));
    out.push_back(std::move(taint));
  }
  return out;
}

Node registration(const KubeadmInput& input, const KubeadmNode& node) {
  Node out = Node::make_mapping();
  out.set("name", Node::make_string(node.name));
  out.set("criSocket", Node::make_string(input.base.cri_socket));
  out.set("imagePullPolicy", Node::make_string("IfNotPresent"));
  Node arguments = Node::make_sequence();
  // Always explicit: on a host without a default route, or with several networks, the kubelet would choose wrongly or
  // not at all.
  arguments.push_back(argument("node-ip", node.ip));
  out.set("kubeletExtraArgs", std::move(arguments));
  std::vector<std::string> taints = node.taints;
  if (node.is_control_plane && input.has_workers)
    taints.insert(taints.begin(), "node-role.kubernetes.io/control-plane:NoSchedule");
  if (node.is_control_plane || !taints.empty()) out.set("taints", taints_of(taints));
  return out;
}

Node local_endpoint(const KubeadmInput& input, const KubeadmNode& node) {
  Node out = Node::make_mapping();
  out.set("advertiseAddress", Node::make_string(node.ip));
  out.set("bindPort", Node::make_plain(std::to_string(input.config.api.port)));
  return out;
}

Node init_defaults(const KubeadmInput& input, const KubeadmNode& node) {
  Node out = document(kKubeadmApi, "InitConfiguration");
  out.set("localAPIEndpoint", local_endpoint(input, node));
  out.set("nodeRegistration", registration(input, node));
  // kubeadm init always makes a token; it need not live for its default of a day.
  Node token = Node::make_mapping();
  token.set("ttl", Node::make_string("15m0s"));
  out.set("bootstrapTokens", Node::make_sequence()).push_back(std::move(token));
  return out;
}

Node cluster_defaults(const KubeadmInput& input) {
  Node out = document(kKubeadmApi, "ClusterConfiguration");
  out.set("clusterName", Node::make_string(input.config.name));
  out.set("kubernetesVersion", Node::make_string(input.base.kubernetes_version));
  out.set("controlPlaneEndpoint", Node::make_string(endpoint(input.config)));
  Node& networking = out.set("networking", Node::make_mapping());
  networking.set("podSubnet", Node::make_string(input.config.network.pods));
  networking.set("serviceSubnet", Node::make_string(input.config.network.services));
  std::vector<std::string> names{"127.0.0.1"};
  names.insert(names.end(), input.control_plane_ips.begin(), input.control_plane_ips.end());
  names.append_range(api_names(input.config));
  out.set("apiServer", Node::make_mapping()).set("certSANs", texts(names));
  if (input.config.external_etcd) {
    Node& external = out.set("etcd", Node::make_mapping()).set("external", Node::make_mapping());
    external.set("endpoints", texts(input.config.external_etcd->endpoints));
    for (const auto& [field, file] :
         {std::pair{"caFile", "ca.crt"}, {"certFile", "client.crt"}, {"keyFile", "client.key"}})
      external.set(field, Node::make_string(base::format("{}/{}", kExternalEtcdFolder, file)));
  }
  return out;
}

Node kubelet_defaults(const KubeadmInput& input) {
  Node out = document("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration");
  out.set("cgroupDriver", Node::make_string("systemd"));
  if (input.cgroup_v1) out.set("failCgroupV1", Node::make_plain("false"));
  return out;
}

// A field that Sealift owns: other parts of the delivery rely on its value.
struct Owned {
  std::string_view kind, path;
};
constexpr auto kOwned = std::to_array<Owned>({
    {"InitConfiguration", "localAPIEndpoint/advertiseAddress"},
    {"InitConfiguration", "localAPIEndpoint/bindPort"},
    {"InitConfiguration", "nodeRegistration/criSocket"},
    {"InitConfiguration", "nodeRegistration/name"},
    {"JoinConfiguration", "nodeRegistration/criSocket"},
    {"JoinConfiguration", "nodeRegistration/name"},
    {"JoinConfiguration", "discovery"},
    {"JoinConfiguration", "controlPlane/localAPIEndpoint/advertiseAddress"},
    {"JoinConfiguration", "controlPlane/localAPIEndpoint/bindPort"},
    {"JoinConfiguration", "controlPlane/certificateKey"},
    {"ClusterConfiguration", "kubernetesVersion"},
    {"ClusterConfiguration", "certificatesDir"},
    {"ClusterConfiguration", "controlPlaneEndpoint"},
    {"ClusterConfiguration", "networking/podSubnet"},
    {"ClusterConfiguration", "networking/serviceSubnet"},
});

std::optional<std::string> node_ip_of(const Node& document) {
  const auto* list = document.at_path("nodeRegistration/kubeletExtraArgs");
  if (list == nullptr) return std::nullopt;
  for (const auto& item : list->items) {
    if (item.find("name") != nullptr && item.find("name")->text == "node-ip" && item.find("value") != nullptr)
      return item.find("value")->text;
  }
  return std::nullopt;
}

std::string text_of(const Node& document, std::string_view path) {
  const auto* node = document.at_path(path);
  return node == nullptr ? "" : yaml::to_yaml(*node);
}

// After a merge: fields owned by Sealift are unchanged, however the document tried to change them.
Result<void> check_owned(const Node& own, const Node& merged, std::string_view kind, std::string_view where) {
  const auto refuse = [&](std::string_view path) {
    return fail(
        ErrorCode::invalid_config,
        "the {} document {} sets {}, which Sealift sets itself; remove it there (cluster.yaml has the field for it)",
        kind, where, path);
  };
  for (const auto& owned : kOwned) {
    if (owned.kind != kind) continue;
    const auto* before = own.at_path(owned.path);
    const auto* after = merged.at_path(owned.path);
    const bool same = before == nullptr
                          ? after == nullptr
                          : after != nullptr && after->kind == yaml::Kind::scalar && after->text == before->text;
    if (!same) return refuse(owned.path);
  }
  if (node_ip_of(merged) != node_ip_of(own)) return refuse("the kubelet argument node-ip");
  if (kind == "ClusterConfiguration" && text_of(merged, "etcd/external") != text_of(own, "etcd/external"))
    return refuse("etcd/external");
  if (own.at_path("etcd/external") != nullptr && merged.at_path("etcd/local") != nullptr)
    return fail(ErrorCode::invalid_config,
                "the {} document {} sets etcd/local, and cluster.yaml has an etcd of the site; remove one of them",
                kind, where);
  return {};
}

// The folders that the control plane's pods get of their host, or that are written there. Sealift's own hold the
// authority's key, and what it writes itself.
constexpr auto kFolders = std::to_array<std::string_view>({"hostPath", "dataDir", "staticPodPath"});

Result<void> check_folders(const Node& node, std::string_view where) {
  for (const auto& item : node.items) SEALIFT_TRY(check_folders(item, where));
  for (const auto& [key, value] : node.members) {
    SEALIFT_TRY(check_folders(value, where));
    if (!std::ranges::contains(kFolders, key) || value.kind != yaml::Kind::scalar) continue;
    if (format::is_sealifts(value.text))
      return fail(ErrorCode::invalid_config,
                  "the kubeadm document {} sets {} to {}, which belongs to Sealift itself; name another folder", where,
                  key, base::printable(value.text));
  }
  return {};
}

// Lists replace, but what cluster.yaml wants in its own fields is not undone by another document's list.
void keep_names(const config::ClusterConfig& config, Node& cluster) {
  Node* api = cluster.find("apiServer");
  Node* names = api == nullptr ? nullptr : api->find("certSANs");
  if (names == nullptr || names->kind != yaml::Kind::sequence) return;
  for (const auto& name : api_names(config)) {
    if (!std::ranges::contains(names->items, name, &Node::text)) names->push_back(Node::make_string(name));
  }
}

// One JoinConfiguration is for all: what it says of control planes is not for workers.
void leave_out_control_plane(const Node& own, Node& merged) {
  if (own.text_at("kind") == "JoinConfiguration" && own.find("controlPlane") == nullptr)
    std::erase_if(merged.members, [](const auto& member) { return member.first == "controlPlane"; });
}

// Merges the base's and the site's documents of this kind over Sealift's own.
Result<Node> finished(const KubeadmInput& input, Node wanted) {
  const std::string kind = wanted.find("kind")->text;
  const Node own = wanted;
  SEALIFT_ASSIGN(const auto defaults, yaml::parse(input.base.kubeadm, "base.yaml, kubeadm"));
  for (const auto& base : defaults) {
    if (base.find("kind") == nullptr || base.find("kind")->text != kind) continue;
    SEALIFT_TRY(check_folders(base, "of the artifact's base"));
    merge_into(wanted, base);
    leave_out_control_plane(own, wanted);
    SEALIFT_TRY(check_owned(own, wanted, kind, "of the artifact's base"));
  }
  for (const auto& site : input.config.kubeadm) {
    if (site.kind != kind) continue;
    SEALIFT_ASSIGN(const auto documents, yaml::parse(site.yaml, "cluster.yaml"));
    for (const auto& over : documents) {
      SEALIFT_TRY(check_folders(over, base::format("at line {} of cluster.yaml", site.line)));
      merge_into(wanted, over);
      leave_out_control_plane(own, wanted);
      SEALIFT_TRY(check_owned(own, wanted, kind, base::format("at line {} of cluster.yaml", site.line)));
    }
  }
  if (kind == "ClusterConfiguration") keep_names(input.config, wanted);
  return wanted;
}

}  // namespace

Result<std::string> init_documents(const KubeadmInput& input, const KubeadmNode& node) {
  std::vector<Node> out;
  for (auto& wanted : {init_defaults(input, node), cluster_defaults(input), kubelet_defaults(input),
                       document("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")}) {
    SEALIFT_ASSIGN(auto done, finished(input, wanted));
    out.push_back(std::move(done));
  }
  return yaml::to_yaml(out);
}

Result<std::string> certificate_documents(const KubeadmInput& input, const KubeadmNode& node,
                                          const std::string& folder) {
  SEALIFT_ASSIGN(auto init, finished(input, init_defaults(input, node)));
  SEALIFT_ASSIGN(auto cluster, finished(input, cluster_defaults(input)));
  cluster.set("certificatesDir", Node::make_string(folder));
  return yaml::to_yaml({std::move(init), std::move(cluster)});
}

std::vector<std::string> wanted_names(const KubeadmInput& input) {
  const auto cluster = finished(input, cluster_defaults(input));
  const auto* names = cluster ? cluster->at_path("apiServer/certSANs") : nullptr;
  std::vector<std::string> out;
  if (names == nullptr) return out;
  for (const auto& name : names->items) {
    if (name.text != "127.0.0.1" && !std::ranges::contains(input.control_plane_ips, name.text))
      out.push_back(name.text);
  }
  return out;
}

std::string etcd_prefix_of(const KubeadmInput& input) {
  std::optional<std::string> given;
  const auto cluster = finished(input, cluster_defaults(input));
  const auto* arguments = cluster ? cluster->at_path("apiServer/extraArgs") : nullptr;
  if (arguments != nullptr) {
    for (const auto& item : arguments->items) {
      if (item.text_at("name") == "etcd-prefix") given = item.text_at("value");
    }
  }
  return etcd_prefix(given);
}

Result<JoinToken> parse_join_command(std::string_view output) {
  JoinToken out;
  std::string flat(output);
  std::ranges::replace(flat, '\n', ' ');
  const auto words = base::split_words(flat);
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--token") out.token = Secret(std::string(words[i + 1]));
    if (words[i] == "--discovery-token-ca-cert-hash") out.ca_hash = words[i + 1];
  }
  explicit_bzero(flat.data(), flat.size());
  if (out.token.empty() || !out.ca_hash.starts_with("sha256:"))
    return fail(ErrorCode::protocol, "kubeadm token create did not print a join command");
  return out;
}

Result<Secret> join_document(const KubeadmInput& input, const KubeadmNode& node, const JoinToken& token) {
  Node wanted = document(kKubeadmApi, "JoinConfiguration");
  wanted.set("nodeRegistration", registration(input, node));
  if (node.is_control_plane)
    wanted.set("controlPlane", Node::make_mapping()).set("localAPIEndpoint", local_endpoint(input, node));
  SEALIFT_ASSIGN(auto done, finished(input, wanted));
  Node& discovery = done.set("discovery", Node::make_mapping());
  Node& bootstrap = discovery.set("bootstrapToken", Node::make_mapping());
  bootstrap.set("apiServerEndpoint", Node::make_string(endpoint(input.config)));
  bootstrap.set("token", Node::make_string(std::string(token.token.reveal())));
  bootstrap.set("caCertHashes", texts({token.ca_hash}));
  return Secret(yaml::to_yaml(done));
}

Result<void> check_documents(const KubeadmInput& input) {
  const KubeadmNode control_plane{"node", "192.0.2.1", {}, true}, worker{"node", "192.0.2.1", {}};
  SEALIFT_TRY(init_documents(input, control_plane));
  for (const auto& node : {control_plane, worker}) SEALIFT_TRY(join_document(input, node, {}));
  return {};
}

std::vector<std::string> preflight_arguments(const KubeadmInput& input) {
  // From 1.35 on kubeadm refuses cgroup v1 even if the kubelet is configured to accept it.
  if (input.cgroup_v1) return {"--ignore-preflight-errors=SystemVerification"};
  return {};
}

}  // namespace sealift::kube
