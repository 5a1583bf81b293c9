// SPDX-License-Identifier: Apache-2.0
//
// cluster.yaml as a value: what the site wants. Strict reading: an unknown field, kind or phase is an error with file,
// line, column and the nearest known word; all problems of a file are found in one run. Knows nothing of the artifact.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "payload/format/contents.h"

namespace sealift::config {

// Where a secret comes from; resolved once, at start, never passed on by the environment.
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

// Where a field stands in cluster.yaml, from 1; of a field that is not written, the nearest mapping around it.
struct Place {
  int line = 0, column = 0;
  bool operator==(const Place&) const = default;
};

struct HostConfig {
  std::string address;  // as written: IPv4, IPv6 or a name; addresses: "10.7.0.[21-40]" is expanded
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

struct ApiConfig {
  uint16_t port = 6443;
  uint16_t local_port = 7443;
  std::vector<std::string> cert_sans;
};

struct RegistryConfig {
  uint16_t port = 5000;
};

struct SiteFile {
  std::string source;  // path beside cluster.yaml
  std::string destination;
  uint32_t mode = 0644;
  format::HostRole role = format::HostRole::all;
  std::string content;  // read at parse time (limit 1 MiB)
};

struct ApplicationConfig {
  std::string name;  // metadata.name
  std::optional<std::string> target_namespace;
  std::string values_yaml;       // spec.values as YAML text; empty = none
  std::string values_file_yaml;  // text of valuesFile; empty = none
  std::vector<std::string> needs;
};

// One of the user's own kubeadm documents.
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
  std::vector<SiteFile> files;
  std::optional<std::vector<std::string>> apps;  // none = LAUNCH
  std::vector<ApplicationConfig> applications;
  std::vector<KubeadmDocument> kubeadm;
  std::string path;  // of the file, as it was given
  struct Places {
    Place name, spec, pods, services, api_port, api_local_port;
  } places;
};

struct Problem {
  std::string file;
  int line = 0, column = 0;
  ErrorCode code = ErrorCode::invalid_config;  // or unsupported
  std::string message;                         // what, and the remedy
  std::string text() const;                    // "cluster.yaml:12:5: …"
};

struct ParsedConfig {
  ClusterConfig config;
  std::vector<Problem> problems;  // not empty = config must not be used
};

// `path` is read (limit 4 MiB, files and valuesFile beside it). ${VAR} and ${VAR:-default} come from `variables`.
// An Error only if the file itself can't be read.
Result<ParsedConfig> load_cluster_config(const std::string& path, const std::map<std::string, std::string>& variables);

// All problems as one error: code unsupported if any is, else invalid_config.
Error to_error(const std::vector<Problem>& problems);

// Why a lower-case text can't name a node, or nothing. More than a DNS name is asked: a label of the node holds its
// name (at most 63), and certificates are made out to it, so it must be nothing that a resolver or a TLS client takes
// for an address or for the machine itself.
std::optional<std::string> bad_node_name(std::string_view name);

// The commented template that `config init` prints. It parses without problems.
std::string_view config_template();

}  // namespace sealift::config
