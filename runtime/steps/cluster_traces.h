// SPDX-License-Identifier: Apache-2.0
//
// What programs make on a node without a call of ours: kubeadm, kubelet, kube-proxy, containerd and the pod networks.
// Pure; the lists with their sources are in the .cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/host/change.h"

namespace sealift::steps {

// A footprint that can be asked.
class KnownTraces {
 public:
  explicit KnownTraces(host::Footprint footprint) : footprint_(std::move(footprint)) {}
  const host::Trace* find(host::Trace::Kind kind, std::string_view name) const;
  bool has(host::Trace::Kind kind, std::string_view name) const { return find(kind, name) != nullptr; }
  const host::Footprint& all() const { return footprint_; }

 private:
  host::Footprint footprint_;
};

// Folders and files that belong to a cluster or to Sealift with all they hold, if they were not there before.
const std::vector<std::string>& cluster_trees();
// Of these, Sealift's.
std::vector<std::string> own_trees();
// Folders that are anybody's, and go if they were not there before and are empty.
const std::vector<std::string>& cluster_folders();
// Whether a path is one of those trees, or below one.
bool is_in_cluster_tree(std::string_view path);
// Whether this is something that a cluster's programs make, by its name: a link, table, chain, cgroup, mount, or a
// sysctl that has the value which they set.
bool is_of_a_cluster(const host::Trace& trace);

}  // namespace sealift::steps
