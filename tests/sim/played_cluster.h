// SPDX-License-Identifier: Apache-2.0
//
// Simulates kubeadm, kubectl and helm as the steps use them, and the one cluster they work on. They are as strict as
// the real ones: they refuse the same things, leave half-done work when killed, and whatever they start takes time.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "payload/json/value.h"
#include "tests/support/fake_host.h"

namespace sealift::sim {

// The API server's data.
struct ClusterState {
  bool made = false, add_ons = false;  // kubeadm's last phase installs the add-ons
  std::set<std::string> nodes, control_planes;
  struct Member {
    std::string name, ip;  // no name: added, and never started
    bool is_learner = false;
    bool operator==(const Member&) const = default;
  };
  std::map<std::string, Member> etcd;         // by id
  std::map<std::string, std::string> labels;  // "node key" → value
  std::set<std::string> namespaces;
  std::map<std::string, std::string> applied;  // folder → the manifests last applied
  struct Release {
    std::string status, values, chart;
    bool operator==(const Release&) const = default;
  };
  std::map<std::string, Release> releases;
  std::string corefile;
  bool operator==(const ClusterState&) const = default;
};

class PlayedCluster {
 public:
  // Whether pods could get this image now, wherever they run.
  using CanPull = std::function<bool(const std::string& image)>;
  explicit PlayedCluster(CanPull can_pull) : can_pull_(std::move(can_pull)) {}

  Result<base::ExitStatus> kubeadm(tests::FakeMachine& self, const base::Command& command, bool has_images);
  Result<base::ExitStatus> kubectl(tests::FakeMachine& self, const base::Command& command, const base::CommandIo& io);
  Result<base::ExitStatus> helm(tests::FakeMachine& self, const base::Command& command);
  // The agent's program, asking the etcd of its host.
  Result<base::ExitStatus> etcd(tests::FakeMachine& self, const base::Command& command);

  // Restarts all pods; they take time again.
  void restart_pods();

  // The machine on which `kubeadm init` ran, or will: its API server is the cluster's. Others join it.
  tests::FakeMachine* control_plane = nullptr;
  ClusterState state;
  std::vector<std::string> faults;                  // what must never happen, but did
  std::map<std::string, int> inits, joins, resets;  // by host
  bool names_broken = false;                        // CoreDNS's pods keep crashing
  std::set<std::string> never_healthy;              // workloads whose content contains such a word

 private:
  struct Workload {
    std::string kind, content;
    uint64_t generation = 0;
    int looks = 0;  // until its pods are ready
  };
  bool api_answers();
  Result<base::ExitStatus> init(tests::FakeMachine& self, const base::Command& command);
  Result<base::ExitStatus> join(tests::FakeMachine& self, const base::Command& command);
  Result<base::ExitStatus> join_etcd(tests::FakeMachine& self, const std::string& name, const std::string& ip);
  base::ExitStatus reset(tests::FakeMachine& self);
  Result<base::ExitStatus> get(const base::Command& command, const base::CommandIo& io);
  Result<base::ExitStatus> change(tests::FakeMachine& self, const base::Command& command);
  base::ExitStatus node(const std::string& name);
  json::Value core_dns();
  json::Value look_at(const std::string& kind, const std::string& name);
  void roll_out(const std::string& manifests, const std::string& values);
  Result<base::ExitStatus> upgrade(tests::FakeMachine& self, const base::Command& command, const std::string& release);

  CanPull can_pull_;
  std::mutex mutex_;
  std::map<std::string, int> looks_before_known_;  // by node: how often the API still says that it is unknown
  std::map<std::string, Workload> workloads_;      // by "kind/name"
  std::string token_;
  std::string documents_;  // of kubeadm init
  uint64_t boot_ = 0;
  int looks_before_names_ = 3;  // until CoreDNS's pods are ready
  int looks_before_api_ = 0;    // the API server takes a while after a boot
};

// --- words of a command ---
bool has(const base::Command& command, std::string_view word);
std::string after(const base::Command& command, std::string_view word);
inline base::ExitStatus good(std::string output = {}) { return {0, std::move(output), {}}; }
inline base::ExitStatus bad(std::string errors, int code = 1) { return {code, {}, std::move(errors)}; }
void put(tests::FakeMachine& machine, const std::string& path, std::string_view text);

}  // namespace sealift::sim
