// SPDX-License-Identifier: Apache-2.0
//
// The basis of a delivery once the hosts have been inspected: artifact, wishes and facts side by side. Steps read it;
// it never changes once made. It knows no connection.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "payload/format/base_document.h"
#include "payload/format/reader.h"
#include "runtime/config/cluster_config.h"
#include "runtime/host/artifact_record.h"
#include "runtime/host/host.h"

namespace sealift::steps {

// Fixed places on a host; runtime/OPERATIONS.md lists them.
inline constexpr std::string_view kProgramDirectory = "/usr/local/lib/sealift";
inline constexpr std::string_view kConfigDirectory = "/etc/sealift";
inline constexpr std::string_view kPkiDirectory = "/etc/sealift/pki";
inline constexpr std::string_view kRunDirectory = "/run/sealift";
inline constexpr std::string_view kAdminKubeconfig = "/etc/kubernetes/admin.conf";

// In a control plane's ledger: the installed Kubernetes version, recorded as the "inputs" of this name.
inline constexpr std::string_view kVersionRecord = "kubernetes.version";

// Control planes that keep the payload, or at least its charts.
inline constexpr size_t kMostRegistryHosts = 3;

// Whether cluster.yaml wants this host to keep the payload; `planes_before`: of the control planes, how many come
// before.
bool wants_payload(const config::RegistryConfig& registry, const config::HostConfig& host, size_t planes_before);

struct Node {
  config::HostConfig config;
  std::string name;  // of the node in the cluster
  std::string ip;    // where other nodes reach it
  host::Facts facts;
  bool has_joined = false;  // `kubeadm join` made it a node, as its ledger says
  bool stands = false;      // it is a node of the cluster already
  // Artifacts whose images its mirror serves, as ArtifactRecord::file_name().
  std::set<std::string> served = {};
  bool is_control_plane() const { return config.role == format::HostRole::control_plane; }
};

// A selected application, with the site's wishes.
struct SelectedApp {
  const format::App* app = nullptr;
  std::string target_namespace;
  std::string release;                      // of helm
  std::vector<std::string> needs;           // the artifact's and the site's
  std::string values_set;                   // tree path of the artifact's set of values; empty if it has none
  std::vector<std::string> ignored_images;  // the site's patterns
  std::string values_yaml, values_file;     // later wins: chart < set < site_values() < valuesFile < values
  Duration timeout{600'000};                // for its objects to become healthy
  bool waits_for_health = true;
  const std::vector<config::FileChange>* changes = nullptr;  // the site's, of its files
  std::map<std::string, std::string> changed_files = {};     // what they make of these files, by path below its root
  std::vector<const config::PatchConfig*> patches = {};      // in the order of cluster.yaml
};

struct Model {
  const format::PayloadReader& payload;
  const config::ClusterConfig& config;
  format::BaseDocument base;      // of an artifact without one: only the cluster's Kubernetes version
  std::vector<SelectedApp> apps;  // topological order, the network first
  std::vector<Node> nodes;        // control planes first: those of the cluster, then new ones; else as in cluster.yaml
  std::optional<host::ArtifactRecord> before = std::nullopt;  // what the cluster has of this artifact
  std::vector<host::ArtifactRecord> others = {};              // other artifacts that were delivered to it
  std::string applied_by = {};                                // "ops@laptop"

  std::vector<const Node*> control_planes() const;  // the first is there already, or made with `kubeadm init`
  std::vector<const Node*> workers() const;
  // Hosts that keep the payload and serve other hosts' pulls, as cluster.yaml wants it; none with registry.external.
  std::vector<const Node*> registry_hosts() const;
  bool is_registry_host(const Node& node) const;
  // Whether a host serves this artifact's images now, and is not to any more: only once no other host asks it.
  bool leaves_registry(const Node& node) const;
  // Those that the other hosts ask for images: the registry hosts, and hosts that were ones and still keep another
  // artifact's payload that not every registry host has. That artifact's next delivery moves it.
  std::vector<const Node*> asked_hosts() const;
  // Hosts that have the record of each artifact, and its charts: the first control planes and all registry hosts.
  std::vector<const Node*> keepers() const;
  // The one used for questions about the cluster and for changes of it.
  const Node& any_control_plane() const;
  const format::Contents& contents() const { return payload.contents(); }
  // Of the selected applications, and those of none.
  std::vector<const format::Image*> selected_images() const;
  // Whether the artifact makes a cluster; else it goes onto one that is there.
  bool makes_cluster() const { return contents().base_document.has_value(); }
  // Whether the cluster gets an image of this name: from this artifact, from another one delivered to it,
  // or from a registry of the site (registry.upstreams).
  bool has_image(const image::Reference& reference) const;
  // Whether the delivery includes a pod network: an application marked CNI, or a file for /etc/cni/net.d.
  bool brings_network() const;
  // The payload's path on a registry host.
  std::string payload_path(const config::HostConfig& host) const;
  static std::string payload_folder(const config::HostConfig& host);  // of all artifacts' payloads
};

// Everything that can be said before any host is asked: the base, the selected applications and their order. Errors:
// invalid_config, not_in_artifact, unsupported.
Result<format::BaseDocument> read_base(const format::PayloadReader& payload);
// `elsewhere`: whether a name that this artifact does not have is an application of another artifact on the cluster;
// what cluster.yaml says of such a one is left to that.
using IsElsewhere = std::function<bool(const std::string& app)>;
Result<std::vector<SelectedApp>> select_apps(
    const format::Contents& contents, const config::ClusterConfig& config,
    const IsElsewhere& elsewhere = [](const std::string&) { return false; });

// The site's changes of applications' files (SelectedApp::changed_files), from the files as they are packed. Errors:
// invalid_config with the place in cluster.yaml.
Result<void> change_files(const format::PayloadReader& payload, const config::ClusterConfig& config,
                          std::vector<SelectedApp>& apps);

// A node's name and address from its facts. Errors: invalid_config if the host name can't be a node name, or if no
// address of the host is the one it was reached by and there are several to choose from.
Result<Node> make_node(const config::HostConfig& config, host::Facts facts);

}  // namespace sealift::steps
