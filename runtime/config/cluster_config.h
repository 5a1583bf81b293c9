// SPDX-License-Identifier: Apache-2.0
//
// cluster.yaml as a value: the site's wishes. Reading is strict: an unknown field or kind is an error with file, line,
// column and the nearest known word; one run finds all problems of a file. Knows nothing of the artifact.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "payload/format/contents.h"
#include "payload/yaml/node.h"

namespace sealift::config {

// A field's position in cluster.yaml, from 1; for an absent field, that of the nearest enclosing mapping.
struct Place {
  int line = 0, column = 0;
  bool operator==(const Place&) const = default;
};

// The source of a secret; resolved once, at start, never passed on through the environment.
struct SecretSource {
  enum class Kind { file, environment, prompt };
  Kind kind = Kind::prompt;
  std::string argument;  // path, variable, or the prompt's text
};

struct SshSettings {
  std::string user = "root";
  uint16_t port = 22;
  std::optional<std::string> key_path;  // "~" expanded
  std::optional<SecretSource> key_passphrase;
  std::optional<SecretSource> password;
  std::optional<SecretSource> sudo_password;
};

struct HostConfig {
  std::string address;  // as written: IPv4, IPv6 or a name; ranges in addresses ("10.7.0.[21-40]") are expanded
  format::HostRole role = format::HostRole::worker;
  std::optional<std::string> name;      // node name; default: the host's own host name
  std::optional<std::string> host_key;  // "SHA256:…" fingerprint
  std::map<std::string, std::string> labels;
  std::vector<std::string> taints;  // "db=only:NoSchedule"
  std::string data_root = "/var/lib/sealift";
  SshSettings ssh;  // spec.ssh merged with the host's own
  int line = 0;     // in cluster.yaml, for messages
  struct Places {
    Place address, role, name, data_root;
  } places;
};

struct NetworkConfig {
  std::string pods = "10.244.0.0/16";
  std::string services = "10.96.0.0/12";
  enum class Dns { host, none, addresses };
  Dns dns_upstream = Dns::host;
  std::vector<std::string> dns_addresses;
};

// A balancer of the site before the API servers.
struct SiteBalancer {
  std::string address;  // IPv4, IPv6 or a name
  uint16_t port = 0;
  bool for_workers = false;  // workers reach the API servers through it alone; then `address` is none but an IP address
};

struct ApiConfig {
  uint16_t port = 6443;
  uint16_t local_port = 7443;
  std::vector<std::string> cert_sans;
  std::optional<SiteBalancer> balancer;
};

// An etcd of the site, which the API servers use instead of one beside each.
struct ExternalEtcd {
  std::vector<std::string> endpoints;  // "https://10.7.0.51:2379"
  std::string authority, certificate;  // PEM
  Secret key;                          // PEM
  std::string key_file;                // where it was read
};

// A login at a registry.
struct RegistryLogin {
  std::string user;
  SecretSource source;
  Secret password;  // filled by who resolves secrets (cli/connector.h)
};

// A registry that Sealift does not run.
struct RemoteRegistry {
  std::string url;        // "https://harbor.plant7.lan/plant7": the path comes before each repository
  std::string authority;  // PEM; empty: those that the host trusts
  std::optional<RegistryLogin> login;
  Place place;
};

// Where people and other tools of the site's network get the images: https://NAME:PORT/<registry>/<repository>.
struct RegistryDomain {
  std::string name;
  uint16_t port = 5443;
  std::string certificate;  // PEM, with its chain; empty: made by the cluster's own authority
  Secret key;               // PEM
  std::string key_file;     // where it was read
  std::vector<RegistryLogin> readers;
  Place place;
};

// A registry whose images are fetched when they are asked for.
struct UpstreamRegistry {
  std::string match;                   // "harbor-a.example/team/*": a registry, and a pattern of its repositories
  std::vector<RemoteRegistry> places;  // asked in this order; each has a login of its own
};

struct RegistryConfig {
  enum class Hosts { control_planes, all, named };
  uint16_t port = 5000;
  Hosts on = Hosts::control_planes;
  std::vector<std::string> hosts;  // of Hosts::named: names or addresses, as cluster.yaml has them
  std::optional<RegistryDomain> domain;
  std::optional<RemoteRegistry> external;  // instead of registry hosts
  std::vector<UpstreamRegistry> upstreams;
  uint64_t cache_bytes = uint64_t{20} << 30;  // on each registry host, of what came from upstreams
};

// A cluster that Sealift did not make.
struct ExistingCluster {
  Secret kubeconfig;  // of its current context alone; empty: the one that kubeadm left on the first control plane
  std::string kubeconfig_file;  // where it was read
  Place place;
};

struct SiteFile {
  std::string source;  // relative to cluster.yaml
  std::string destination;
  uint32_t mode = 0644;
  format::HostRole role = format::HostRole::all;
  std::string content;  // read while parsing (limit 1 MiB)
};

// A site's change of one file of an application.
struct FileChange {
  enum class Strategy { overwrite, merge };  // merge: mappings of YAML
  std::string path;                          // below the application's folder in the artifact: "templates/web.yaml"
  Strategy strategy = Strategy::overwrite;
  std::string data;  // of merge: one mapping of YAML
  Place place;
};

struct ApplicationConfig {
  std::string name;  // metadata.name
  bool enabled = true;
  Duration timeout{600'000};     // for its objects to become healthy
  bool waits_for_health = true;  // else it is done once it is installed
  std::vector<FileChange> files;
  std::optional<std::string> target_namespace;
  std::optional<std::string> values_set;  // file name of one of the artifact's sets of values; none: its first
  std::string values_yaml;                // spec.values as YAML text; empty = none
  std::string values_file_yaml;           // text of valuesFile; empty = none
  std::vector<std::string> needs;
  std::vector<std::string> ignored_images;  // patterns, * stands for any text: need not be in the artifact
};

// A site's change of objects of an application, as they are rendered.
struct PatchConfig {
  enum class Type { strategic, merge, json };  // as kubectl patch: Kubernetes' own, RFC 7386, RFC 6902
  std::string name;                            // metadata.name
  std::string app;
  std::string kind;                           // of the objects
  std::string target_name, target_namespace;  // empty = any
  Type type = Type::strategic;
  std::string patch;  // YAML: a mapping; of json a list
  Place place, app_place;
};

// A program that the site or the artifact brings, at one moment of a delivery or of its end.
struct HookConfig {
  enum class Phase { hosts, cluster, app, remove, reset };
  enum class On { all, control_planes, workers, one_control_plane, named };
  std::string name;       // metadata.name
  bool is_before = true;  // else after
  Phase phase = Phase::hosts;
  std::string app;  // of Phase::app
  On on = On::all;
  std::vector<std::string> hosts;  // of On::named: names or addresses, as cluster.yaml has them
  std::string program;             // the site's, its text; empty: `packed`
  std::string packed;              // its path in the artifact's tree
  std::vector<std::string> arguments;
  Secret input;  // comes to the program on its standard input
  Duration timeout{600'000};
  bool every_run = false;  // else once on a host, until program, arguments or input change
  Place place, app_place;
};

// One of the site's own kubeadm documents.
struct KubeadmDocument {
  std::string
      kind;  // InitConfiguration, ClusterConfiguration, JoinConfiguration, KubeletConfiguration, KubeProxyConfiguration
  std::string yaml;
  int line = 0;
  std::map<std::string, Place> places = {};  // of its fields, by "networking/dnsDomain"; "" = the document
};

struct ClusterConfig {
  std::string name;  // metadata.name
  std::vector<HostConfig> hosts;
  NetworkConfig network;
  ApiConfig api;
  RegistryConfig registry;
  std::optional<ExternalEtcd> external_etcd;
  std::vector<SiteFile> files;
  std::optional<std::vector<std::string>> apps;  // none = the artifact's LAUNCH
  size_t apps_at_once = 8;
  std::vector<ApplicationConfig> applications;
  std::vector<PatchConfig> patches;
  std::vector<HookConfig> hooks;
  std::vector<KubeadmDocument> kubeadm;
  std::vector<Digest> identities;           // of the artifacts that may be delivered here; empty = any
  std::string path;                         // of the file, as given
  std::string kept;                         // what may be kept of it in the cluster (kept_text)
  std::optional<ExistingCluster> existing;  // onto which applications are delivered
  struct Places {
    Place name, spec, pods, services, api_port, api_local_port, etcd, registry_hosts;
  } places;
};

struct Problem {
  std::string file;
  int line = 0, column = 0;
  ErrorCode code = ErrorCode::invalid_config;  // or unsupported
  std::string message;                         // the problem and its remedy
  std::string text() const;                    // "cluster.yaml:12:5: …"
};

struct ParsedConfig {
  ClusterConfig config;
  std::vector<Problem> problems;  // not empty = config must not be used
};

// Reads `path` (limit 4 MiB) and the files it names (relative to it). ${VAR} and ${VAR:-default} come from `variables`.
// An Error only if the file can't be read or is not YAML.
Result<ParsedConfig> load_cluster_config(const std::string& path, const std::map<std::string, std::string>& variables);

// A cluster.yaml as the cluster may keep it: variables as they are written, and no value that its key calls a secret.
std::string kept_text(const std::vector<yaml::Node>& documents);
// What `now` has that `before` has not, and the reverse, one field a line: "+ spec/hosts/w3/role: worker",
// "~ spec/api/port: 6443 → 7443". Either may be anything that is no YAML: then there is one line that says so.
std::vector<std::string> kept_differences(const std::string& before, const std::string& now);

// All problems as one error: unsupported if any problem is, else invalid_config.
Error to_error(const std::vector<Problem>& problems);

// Why a lower-case text can't name a node; nothing if it can. Stricter than a DNS name: the name becomes a node label
// (at most 63 characters) and the subject of certificates, so resolvers and TLS clients must not take it for an address
// or for the machine itself.
std::optional<std::string> bad_node_name(std::string_view name);

// The commented template that `config init` prints. It parses without problems.
std::string_view config_template();

}  // namespace sealift::config
