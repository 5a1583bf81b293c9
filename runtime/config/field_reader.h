// SPDX-License-Identifier: Apache-2.0
//
// Strict reading of mappings that continues after a problem, so that one run finds all of them. Internal to this
// library: cluster_config.h is its public side.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "payload/yaml/node.h"
#include "runtime/config/cluster_config.h"
#include "runtime/config/fields.h"
#include "runtime/config/parse.h"

namespace sealift::config {

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  void add(const yaml::Node& at, std::string message) { add(at, ErrorCode::invalid_config, std::move(message)); }
  void add(const yaml::Node& at, ErrorCode code, std::string message);
  // For a problem that makes the value meaningless: further problems at this place are dropped.
  void add_last(const yaml::Node& at, std::string message);
  std::vector<Problem> take();  // sorted by place

 private:
  std::string file_;
  std::vector<Problem> list_;
  std::set<std::pair<int, int>> closed_;
};

// One mapping. Unknown fields are problems; fields reserved for later are `unsupported` problems.
class Mapping {
 public:
  Mapping(const yaml::Node& node, Problems& problems, const Fields& fields);

  const yaml::Node* find(std::string_view key) const;
  const yaml::Node& node() const { return *node_; }

  // If absent or null the target keeps its value; a wrong type is a problem.
  void text(std::string_view key, std::string& target) const;
  void text(std::string_view key, std::optional<std::string>& target) const;
  void port(std::string_view key, uint16_t& target) const;
  void boolean(std::string_view key, bool& target) const;
  // The scalars of a list; anything else in it is a problem.
  std::vector<const yaml::Node*> texts(std::string_view key) const;
  // A problem if the field is missing.
  bool require(std::string_view key) const;
  // A problem at the field's place, or at the mapping's if it is absent.
  void bad(std::string_view key, std::string message) const;

 private:
  const yaml::Node* node_;
  Problems& problems_;
};

// State shared by the readers of the sections.
struct Reading {
  const std::string& path;
  const std::map<std::string, std::string>& variables;
  const FileReader& read_file;
  Problems problems{path};
  ClusterConfig config{};
  std::vector<const yaml::Node*> host_places{}, name_places{};  // parallel to config.hosts; null = not written
  std::vector<const yaml::Node*> named_hosts{};                 // by hooks and by the registry

  // "~/x" in the home folder, an absolute path as it is, else relative to cluster.yaml.
  std::string beside(const std::string& file) const;
  // The file's content; if it can't be read, a problem of the field `key` and "".
  std::string content_of(const Mapping& fields, std::string_view key, const std::string& file);
};

// ${VAR} and ${VAR:-default} in every scalar (not in keys); "$${" stands for "${".
void expand_variables(yaml::Node& node, const std::map<std::string, std::string>& variables, Problems& problems);

void read_cluster(const yaml::Node& document, Reading& reading);
void read_ssh(const yaml::Node& node, SshSettings& ssh, Reading& reading);
void read_hosts(const yaml::Node& node, const SshSettings& defaults, Reading& reading);
void read_api(const yaml::Node& node, Reading& reading);
void read_etcd(const yaml::Node& node, Reading& reading);
void read_registry(const yaml::Node& node, Reading& reading);
void read_existing(const yaml::Node& node, Reading& reading);
// {file: …}, {env: …} or {prompt: …}
std::optional<SecretSource> read_secret(const Mapping& parent, std::string_view key, Reading& reading);
// The text of a PEM file that the field names, if it can be read and is small enough to be one; else "". `where`: its
// path.
std::string read_pem(const Mapping& fields, std::string_view key, Reading& reading, std::string* where = nullptr);
// Problems if these texts are no certificates or no key, or don't belong together. Empty ones are passed over.
void check_certificates(const Mapping& fields, std::string_view key, const std::string& pem);
void check_pair(const Mapping& fields, const std::string& certificate, const Secret& key);
// spec.apps
void read_apps(const yaml::Node& node, const Mapping& spec, Reading& reading);
void read_application(const yaml::Node& document, Reading& reading);
void read_patch(const yaml::Node& document, Reading& reading);
void read_hook(const yaml::Node& document, Reading& reading);
// That hosts which are named are hosts of the cluster, once all documents have been read.
void check_named_hosts(Reading& reading);
// A time such as 90s or 10m; if absent or wrong, `target` keeps its value.
void read_duration(const Mapping& fields, std::string_view key, Duration& target);
// What can't stand beside spec.existing, once all documents have been read.
void check_existing(const yaml::Node& cluster, Reading& reading);
// Checks across sections and documents, once all have been read.
void check_whole(const yaml::Node& cluster, Reading& reading);

// --- checks of single values ---
bool is_dns_label(std::string_view text);      // RFC 1123 label
bool is_dns_subdomain(std::string_view text);  // RFC 1123 subdomain
bool is_ip(std::string_view text);             // IPv4 or IPv6, no prefix
// An address, or a name that can't be a mistyped address: its last label is not a number.
bool is_host(std::string_view text);
// One spelling for each address: "fd00::1" and "FD00:0::1" are the same host.
std::string canonical_host(std::string_view text);
// These return the reason, or nothing if the value is good.
std::optional<std::string> bad_pod_network(std::string_view text);
std::optional<std::string> bad_service_network(std::string_view text);
std::optional<std::string> bad_label(std::string_view key, std::string_view value);
std::optional<std::string> bad_taint(std::string_view text);
std::optional<std::string> bad_mode(std::string_view text, uint32_t& mode);
std::optional<std::string> bad_data_root(std::string_view path);

bool cidrs_overlap(std::string_view a, std::string_view b);  // both valid
bool cidr_holds(std::string_view cidr, std::string_view address);
bool same_family(std::string_view a, std::string_view b);  // addresses or networks
// How many hosts get a network of their own from the pod network: a /24 each, a /64 with IPv6 (kubeadm's defaults).
uint64_t hosts_in_pod_network(std::string_view pods);

// "10.7.0.[21-23]" → three addresses; "node[08-10]" keeps leading zeros; numbers of an IPv6 range are hexadecimal. Text
// without brackets is returned unchanged. Nothing if the range can't be read or is larger than 1000.
std::optional<std::vector<std::string>> expand_addresses(std::string_view text);

}  // namespace sealift::config
