// SPDX-License-Identifier: Apache-2.0
//
// What was seen of a cluster: by each host itself, and by the API through one control plane. Gathered by gather.h,
// judged by judge.h; plain values, so that a test can write any cluster down.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/config/cluster_config.h"
#include "runtime/host/artifact_record.h"
#include "runtime/host/host.h"
#include "runtime/kube/cluster_health.h"
#include "runtime/node/host_check.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/etcd.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/missing_objects.h"

namespace sealift::inspection {

// What deliveries have left on a host, as its ledger tells.
struct Delivered {
  std::map<std::string, Digest> files;  // by path, as last written; nothing below /run
  struct Unit {
    bool enabled = false, running = false;
    bool operator==(const Unit&) const = default;
  };
  std::map<std::string, Unit> units;  // by name; what the last actions wanted of it
};
Delivered delivered_of(const std::vector<host::LedgerEntry>& ledger);

struct HostLook {
  config::HostConfig config;
  std::string name;           // of the node; of a host that is away maybe only its address
  std::string ip;             // where other nodes reach it
  std::optional<Error> away;  // then nothing below was seen
  host::Facts facts;
  int64_t read_at_ms = 0, took_ms = 0;  // the launch machine's clock when the facts came, and how long that took
  std::map<std::string, host::UnitState> units;
  bool worked_on = false;  // by a delivery
  Delivered delivered;
  std::optional<node::HostAnswer> answer;
  std::string no_answer;                // why there is none
  std::optional<std::string> api_down;  // of a control plane: why its own API server does not answer
  bool is_control_plane() const { return config.role == format::HostRole::control_plane; }
  bool is_there() const { return !away; }
};

// Whether this machine or the host refused the login; else the host is away. `away`: of a HostLook.
bool refuses_login(const Error& away);

struct PodRow {
  std::string space, name, node, ip;  // empty: none
  bool host_network = false, ready = false;
  std::string phase, owner;  // its owner's kind
  std::vector<std::string> images;
  std::string title() const { return space + "/" + name; }
  bool has_own_network() const { return !host_network && !ip.empty() && phase == "Running"; }
};

// As the API describes it. What could not be asked for is in `troubles`, and is empty here.
struct ClusterLook {
  std::string asked;                     // the control plane through which
  kube::ClusterObjects objects;          // its pods: those of kube-system, and the unhealthy ones of the others
  json::Value claims;                    // a List
  std::vector<json::Value> definitions;  // CustomResourceDefinitions and APIServices: identity and conditions alone
  std::vector<steps::MissingObject> missing;
  std::vector<PodRow> pods;  // all
  steps::Releases releases;
  std::set<std::string> policed;  // namespaces with network policies
  std::string api_service;        // the address of the service kubernetes
  std::vector<host::ArtifactRecord> artifacts;
  std::optional<steps::NameService> names;
  std::optional<Result<std::vector<steps::EtcdMember>>> members;  // of an etcd that the control planes run
  std::optional<Result<steps::EtcdState>> site_etcd;
  std::optional<std::string> site_balancer;                    // what is wrong with it; "" if nothing is
  std::map<std::string, std::vector<std::string>> last_lines;  // of crashing containers, by pod ("space/name")
  std::map<std::string, std::string> events;                   // the last warning, by "Kind space/name"
  std::vector<std::string> troubles;
};

struct Look {
  std::vector<HostLook> hosts;         // in the order of cluster.yaml
  std::optional<ClusterLook> cluster;  // none: no API server answers
  int64_t now_ms = 0;                  // the launch machine's clock
};

}  // namespace sealift::inspection
