// SPDX-License-Identifier: Apache-2.0
//
// From what was seen to what is to be said of it. Pure: asks nobody, and every theme can be tested with values alone.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "payload/image/reference.h"
#include "runtime/inspection/disk_history.h"
#include "runtime/inspection/look.h"
#include "runtime/inspection/observation.h"

namespace sealift::inspection {

// The artifact with which the cluster is checked.
struct Artifact {
  std::string name, title;  // "shop", "shop 3.4"
  Digest identity;
  bool makes_cluster = false;
  std::set<std::string> charts;  // its applications that are helm releases
  // Which of its applications has brought this workload, if any.
  std::function<std::optional<std::string>(const json::Value& workload)> app_of;
  std::function<bool(const image::Reference&)> has_image;
};

struct Wishes {
  const config::ClusterConfig& config;
  const Artifact& artifact;
  const DiskHistory& disks;  // of earlier calls
};

// All of it, in the order of the catalog.
std::vector<Observation> judge(const Look& look, const Wishes& wishes);

// --- the themes, each in its own file ---

void judge_hosts(const Look& look, const Wishes& wishes, Observations& out);
void judge_disks(const Look& look, const Wishes& wishes, Observations& out);
void judge_nodes(const Look& look, const Wishes& wishes, Observations& out);
void judge_control_planes(const Look& look, const Wishes& wishes, Observations& out);
void judge_etcd(const Look& look, const Wishes& wishes, Observations& out);
void judge_certificates(const Look& look, Observations& out);
void judge_services(const Look& look, Observations& out);
void judge_networks(const Look& look, Observations& out);
void judge_applications(const Look& look, const Wishes& wishes, Observations& out);
void judge_drift(const Look& look, const Wishes& wishes, Observations& out);

// Hosts that tell about themselves and that a delivery has worked on.
std::vector<const HostLook*> telling(const Look& look);
// "a, b, c and 4 more"
std::string some_of(const std::vector<std::string>& names, size_t most);

}  // namespace sealift::inspection
