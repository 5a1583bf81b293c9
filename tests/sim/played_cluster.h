// SPDX-License-Identifier: Apache-2.0
//
// kubeadm, kubectl and helm as the steps meet them, and the one cluster that they work on. They are as particular as
// the real ones: they refuse what those refuse, leave halves when they are killed, and what they start needs its time.
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

// What the API server knows.
struct ClusterState {
  bool made = false, add_ons = false;  // kubeadm's last phase puts the add-ons in
  std::set<std::string> nodes;
  std::map<std::string, std::string> labels;  // "node key" → value
  std::set<std::string> namespaces;
  std::map<std::string, std::string> applied;  // folder → the manifests as they were applied last
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

  // All pods are started again and need their time.
  void restart_pods();

  // The machine on which `kubeadm init` ran, or will: its API server is the cluster's.
  tests::FakeMachine* control_plane = nullptr;
  ClusterState state;
  std::vector<std::string> faults;                  // what must never happen, and did
  std::map<std::string, int> inits, joins, resets;  // by host
  bool names_broken = false;                        // CoreDNS's pods die again and again
  std::set<std::string> never_healthy;              // workloads whose content holds such a word

 private:
  struct Workload {
    std::string kind, content;
    uint64_t generation = 0;
    int looks = 0;  // until its pods are ready
  };
  bool api_answers();
  Result<base::ExitStatus> init(tests::FakeMachine& self, const base::Command& command);
  Result<base::ExitStatus> join(tests::FakeMachine& self, const base::Command& command);
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
  std::map<std::string, int> looks_before_known_;  // by node: how often the API still says that it does not know it
  std::map<std::string, Workload> workloads_;      // by "kind/name"
  std::string token_;
  uint64_t boot_ = 0;
  int looks_before_names_ = 3;  // until CoreDNS's pods are ready
  int looks_before_api_ = 0;    // the API server needs a while after a boot
};

// --- words of a command ---
bool has(const base::Command& command, std::string_view word);
std::string after(const base::Command& command, std::string_view word);
inline base::ExitStatus good(std::string output = {}) { return {0, std::move(output), {}}; }
inline base::ExitStatus bad(std::string errors, int code = 1) { return {code, {}, std::move(errors)}; }
void put(tests::FakeMachine& machine, const std::string& path, std::string_view text);

}  // namespace sealift::sim
