// SPDX-License-Identifier: Apache-2.0
//
// A site of fake machines for the real delivery: the steps are the product's own; kubeadm, kubectl, helm, ctr and the
// node program are simulated as strictly as the real ones: an image is pulled only through a running mirror that can
// get all of its bytes, programs may be killed midway, and pods take time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "payload/json/value.h"
#include "runtime/config/cluster_config.h"
#include "runtime/delivery/app_removal.h"
#include "runtime/delivery/app_rollback.h"
#include "runtime/delivery/delivery.h"
#include "runtime/delivery/join.h"
#include "runtime/delivery/records.h"
#include "runtime/delivery/remove.h"
#include "runtime/delivery/reset.h"
#include "tests/sim/played_cluster.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"

namespace sealift::sim {

class DeliverySite final : public delivery::HostConnector, public images::ChartRenderer {
 public:
  explicit DeliverySite(size_t hosts, size_t control_planes = 1);

  std::vector<delivery::Connection> connect(const std::vector<config::HostConfig>& hosts,
                                            host::Purpose purpose) override;
  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, host::Purpose purpose) override;

  void use(images::Tool tool, Bytes program) override {
    if (tool == images::Tool::helm) cluster_helm = std::move(program);
  }
  // Looks only whether each patch has an object.
  Result<std::string> patch(const std::string& manifests, const std::string& target_namespace,
                            const std::vector<kube::Patch>& patches, const CancelToken& cancel) override;
  // A chart's templates as they are.
  Result<std::string> render(const images::ChartRequest& request, const CancelToken& cancel) override;

  // From now on this artifact is delivered; what the machines have of others stays.
  void take(Bytes payload);

  // Like a fresh start of the program.
  Result<delivery::Outcome> apply(engine::Journal& journal, EventSink& events, const CancelToken& cancel = {});
  Result<delivery::Outcome> join(engine::Journal& journal, EventSink& events, const CancelToken& cancel = {});
  Result<delivery::PlanOutcome> plan_join();
  Result<delivery::Outcome> reset(engine::Journal& journal, const delivery::ResetOptions& options, EventSink& events,
                                  const CancelToken& cancel = {});
  Result<delivery::Outcome> remove(engine::Journal& journal, const delivery::RemoveOptions& options, EventSink& events,
                                   const CancelToken& cancel = {});
  Result<delivery::Outcome> remove_apps(engine::Journal& journal, const delivery::RemoveAppsOptions& options,
                                        EventSink& events, const CancelToken& cancel = {});
  Result<delivery::Outcome> rollback(engine::Journal& journal, const delivery::RollbackOptions& options,
                                     EventSink& events, const CancelToken& cancel = {});
  Result<std::vector<host::ArtifactRecord>> artifacts();
  Result<std::vector<steps::HistoryEntry>> history();
  Result<std::string> current_config();
  Result<delivery::PlanOutcome> plan();
  Result<std::vector<delivery::StatusLine>> status(Clock& clock);

  tests::FakeMachine& machine(size_t i) { return *machines_[i]; }
  size_t size() const { return machines_.size(); }
  size_t control_planes() const;  // they come first
  void all_reachable(bool reachable);
  std::map<std::string, tests::FakeMachine::World> worlds();
  size_t changes();
  uint64_t calls() const;
  // Images by host.
  const std::map<std::string, std::set<std::string>>& pulled() const { return pulled_; }
  // "", or why the host can't pull the image now.
  std::string why_not_pulled(size_t host, std::string_view image);
  const format::PayloadReader& payload() const { return *artifacts_.back().payload; }
  PlayedCluster cluster;
  config::ClusterConfig config;
  delivery::Allowed allowed;
  bool renew_authority = false;
  size_t pods_on = 0;  // the machine whose mirror pods' images come from
  Bytes cluster_helm;  // that the launch machine renders with, if the artifact brings none

 private:
  delivery::Input input(engine::Journal& journal, EventSink& events, Clock& clock, const CancelToken& cancel);
  void equip(tests::FakeMachine& machine, const std::string& address);
  Result<base::ExitStatus> ctr(tests::FakeMachine& self, const base::Command& command);
  bool has_bytes(tests::FakeMachine& machine, const std::string& path, const std::string& image);
  // Whether the machine's mirror serves the image from what is recorded there.
  bool serves(tests::FakeMachine& machine, const json::Value& mirror, const std::string& image);
  // "", or why this machine's mirror can't serve the image.
  std::string refusal(tests::FakeMachine& self, const std::string& image);

  struct Artifact {
    std::unique_ptr<base::MemoryFile> file;
    std::unique_ptr<format::PayloadReader> payload;
  };
  std::vector<Artifact> artifacts_;  // the last one is delivered
  std::vector<std::unique_ptr<tests::FakeMachine>> machines_;
  std::map<std::string, tests::FakeMachine*> by_address_;
  std::map<std::string, std::set<std::string>> pulled_;  // under the machine's lock
};

}  // namespace sealift::sim
