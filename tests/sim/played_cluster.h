// SPDX-License-Identifier: Apache-2.0
//
// Simulates kubeadm, kubectl and helm as the steps use them, and the one cluster they work on. They are as strict as
// the real ones: they refuse the same things, leave half-done work when killed, and whatever they start takes time.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "payload/json/value.h"
#include "payload/yaml/node.h"
#include "tests/support/fake_host.h"

namespace sealift::sim {

// The API server's data.
struct ClusterState {
  bool made = false, add_ons = false;  // kubeadm's last phase installs the add-ons
  std::set<std::string> nodes, control_planes, cordoned;
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
    std::string status, values, chart, space;
    bool operator==(const Release&) const = default;
  };
  std::map<std::string, Release> releases;
  std::set<std::string> objects;  // of manifests that were applied, "Deployment/erp"
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

  // Pods that are somewhere, besides those of workloads. One that is evicted is made again elsewhere by its owner.
  struct Pod {
    std::string space, name, node;
    std::string owner = "ReplicaSet";  // its kind; none: nothing makes it again
    bool has_emptydir = false;
    std::string app = {};  // its label
  };
  struct Budget {
    std::string space, app;
    size_t needed = 1;
  };
  std::vector<Pod> pods;
  std::vector<Budget> budgets;
  size_t pods_of(const std::string& node) const;

  // Of all clusters below /registry/, in an etcd that the site has; what else it holds is nobody's business.
  uint64_t objects_in_etcd_of_site = 0;
  // The etcd members at these addresses do not answer; without a majority nothing does.
  std::set<std::string> etcd_down;
  // What the node program is told instead of the truth, whatever it asks; nothing: the truth. Called for one question
  // after the other.
  using EtcdAnswer = std::function<std::optional<Result<base::ExitStatus>>(tests::FakeMachine& self, bool removes)>;
  EtcdAnswer etcd_says;
  bool learners_stay = false;  // nobody that joins is ever promoted
  // A control plane that has gone for good: the API is another one's from now on.
  void dies(const tests::FakeMachine& machine);
  std::map<std::string, tests::FakeMachine*> machines;  // by address

  // Somebody else made it: there is no balancer of ours, and kubectl may be given a kubeconfig.
  bool is_of_others = false;
  std::string runtime = "containerd://2.1.4";  // of its nodes

  // Restarts all pods; they take time again.
  void restart_pods();
  // "Deployment/redis": somebody deletes it.
  void lose_object(const std::string& name);
  // What "node releases" prints on the control plane.
  std::string objects_of_releases();

  // The machine on which `kubeadm init` ran, or will: its API server is the cluster's. Others join it. If it leaves,
  // one of them takes its place.
  std::atomic<tests::FakeMachine*> control_plane = nullptr;
  ClusterState state;
  std::string kept_config;  // the ConfigMap with cluster.yaml, as JSON; beside the state, since it tells when
  std::string history;      // the ConfigMap with what was done; likewise
  // By release: what its revisions were, from 1, and what brought them.
  std::map<std::string, std::vector<std::pair<ClusterState::Release, std::string>>> revisions;
  std::vector<std::string> faults;                  // what must never happen, but did
  std::map<std::string, int> inits, joins, resets;  // by host
  bool names_broken = false;                        // CoreDNS's pods keep crashing
  std::set<std::string> never_healthy;              // workloads whose content contains such a word

 private:
  struct Workload {
    std::string kind, space, content;
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
  // --- played_etcd.cpp; all but `join_etcd` under the mutex ---
  base::ExitStatus etcd_of_site(const base::Command& command);  // takes the mutex itself
  Result<base::ExitStatus> join_etcd(tests::FakeMachine& self, const std::string& name, const std::string& ip);
  bool has_quorum(const std::string& without_id = {}) const;
  void api_moves_from(const std::string& address);
  std::string remove_member(const std::string& id);
  // --- played_nodes.cpp; all but `drain` under the mutex ---
  json::Value node_object(const std::string& name);
  base::ExitStatus forget_node(const std::string& node);
  base::ExitStatus cordon(const std::string& node);
  Result<base::ExitStatus> drain(tests::FakeMachine& self, const base::Command& command);
  void evict(size_t pod);
  std::string why_not(const Pod& pod) const;
  json::Value pods_on(const std::string& node) const;
  json::Value all_budgets() const;
  // --- played_workloads.cpp; all but `upgrade` and `uninstall` under the mutex ---
  json::Value core_dns();
  json::Value look_at(const std::string& kind, const std::string& name);
  void roll_out(const std::string& manifests, const std::string& values, const std::string& target_namespace);
  std::string lasting_objects() const;
  void delete_objects(const std::string& manifests);
  Result<base::ExitStatus> uninstall(tests::FakeMachine& self, const std::string& release);
  base::ExitStatus roll_back(const base::Command& command, const std::string& release);
  std::string history_of(const std::string& release);
  Result<base::ExitStatus> upgrade(tests::FakeMachine& self, const base::Command& command, const std::string& release);

  CanPull can_pull_;
  std::mutex mutex_;
  std::map<std::string, std::string> addresses_;   // of nodes
  std::map<std::string, int> looks_before_known_;  // by node: how often the API still says that it is unknown
  std::map<std::string, Workload> workloads_;      // by "kind/name"
  std::string token_;
  std::string documents_;  // of kubeadm init
  uint64_t boot_ = 0;
  bool api_moved_ = false;
  int looks_before_names_ = 3;  // until CoreDNS's pods are ready
  int looks_before_api_ = 0;    // the API server takes a while after a boot
};

// --- words of a command ---
bool has(const base::Command& command, std::string_view word);
std::string after(const base::Command& command, std::string_view word);
inline base::ExitStatus good(std::string output = {}) { return {0, std::move(output), {}}; }
inline base::ExitStatus bad(std::string errors, int code = 1) { return {code, {}, std::move(errors)}; }
void put(tests::FakeMachine& machine, const std::string& path, std::string_view text);
std::string text_of(const tests::FakeMachine& machine, const std::string& path);
// A text of a document, "a/b/c".
std::string field(const yaml::Node& node, std::string_view path, const std::string& otherwise = {});
// How often something that takes time is looked at before it is there.
inline constexpr int kLooksUntilReady = 3;
// The result of a killed program: half its work stays.
Result<base::ExitStatus> killed(const Error& error);
#define SIM_STAGE(machine, name)                                                   \
  do {                                                                             \
    if (auto alive = (machine).inside(name); !alive) return killed(alive.error()); \
  } while (false)

}  // namespace sealift::sim
