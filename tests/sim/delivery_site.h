// SPDX-License-Identifier: Apache-2.0
//
// A site of fake machines for the real delivery: the steps are the product's own, kubeadm, kubectl, ctr and the node
// program are played here, as far as the steps look at them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "runtime/config/cluster_config.h"
#include "runtime/steps/delivery.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"

namespace sealift::sim {

// What the played API server knows.
struct Cluster {
  std::mutex mutex;
  bool made = false;
  std::set<std::string> nodes;
  std::map<std::string, int> looks_before_known;  // by node: how often the API still says that it does not know it
  std::map<std::string, std::string> labels;  // "node key" → value
  std::set<std::string> namespaces, applied;
  int looks_before_names = 3;  // how often CoreDNS is still said not to be ready
  std::string corefile;
  std::map<std::string, int> inits, joins, resets;  // by host
  bool operator==(const Cluster& other) const;
};

class DeliverySite final : public steps::HostConnector {
 public:
  explicit DeliverySite(size_t hosts);

  std::vector<steps::Connection> connect(const std::vector<config::HostConfig>& hosts, steps::Purpose purpose) override;
  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, steps::Purpose purpose) override;

  // A fresh start of the program.
  Result<steps::Outcome> apply(engine::Journal& journal, EventSink& events, const CancelToken& cancel = {});
  Result<steps::PlanOutcome> plan();

  tests::FakeMachine& machine(size_t i) { return *machines_[i]; }
  size_t size() const { return machines_.size(); }
  void all_reachable(bool reachable);
  std::map<std::string, tests::FakeMachine::World> worlds();
  size_t changes();
  Cluster cluster;
  config::ClusterConfig config;

 private:
  void equip(tests::FakeMachine& machine, const std::string& address);
  Result<base::ExitStatus> kubeadm(tests::FakeMachine& machine, const base::Command& command);
  Result<base::ExitStatus> kubectl(tests::FakeMachine& machine, const base::Command& command, const base::CommandIo& io);

  std::unique_ptr<base::MemoryFile> file_;
  std::unique_ptr<format::PayloadReader> payload_;
  std::vector<std::unique_ptr<tests::FakeMachine>> machines_;
  std::map<std::string, tests::FakeMachine*> by_address_;
  std::map<std::string, std::set<std::string>> pulled_;  // images by host, under the machine's lock
};

}  // namespace sealift::sim
