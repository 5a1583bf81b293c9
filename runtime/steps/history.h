// SPDX-License-Identifier: Apache-2.0
//
// What was done to a cluster, newest first: the ConfigMap sealift-history in kube-system, so that any machine that
// reaches a control plane can tell. It holds no secret and is bounded: the newest 100 entries, and less than 512 KiB.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

inline constexpr std::string_view kHistoryStep = "cluster.history";

struct HistoryEntry {
  std::string when, by;                 // ISO 8601; "ops@laptop"
  std::string name, version, identity;  // of the artifact that was used
  std::string result;                   // "complete", "partial"
  struct App {
    std::string name, change, version;  // "installed", "updated", "removed", "rolled back"; of a chart
    bool operator==(const App&) const = default;
  };
  std::vector<App> apps;
  std::vector<std::string> joined, removed;  // nodes
  bool operator==(const HistoryEntry&) const = default;
};

// Newest first; what a newer version wrote otherwise is left out. Errors: those of kubectl; corrupt.
Result<std::vector<HistoryEntry>> read_history(host::HostView& control_plane, const CancelToken& cancel);
// {"when":…,"by":…,"name":…,"version":…,"identity":…,"result":"complete","applications":[{"name":…,"change":"installed",
// "version":…}],"joined":[…],"removed":[…]}; of the last three what there is
json::Value to_value(const HistoryEntry& entry);
// As the ConfigMap keeps it, within its bounds.
std::string history_text(std::vector<HistoryEntry> newest_first);
Result<std::vector<HistoryEntry>> parse_history(std::string_view text);

// By whom and with which artifact; nothing else yet.
HistoryEntry history_entry(const Model& model);
// The applications that this run has installed or changed.
void add_changed_apps(const Model& model, const ClusterApps& apps, HistoryEntry& out);

// Adds an entry if the ledger of one of these hosts has changed since its last sync; to be planned before that.
class HistoryStep final : public BasicStep {
 public:
  // `complete` adds what came of the run.
  using Complete = std::function<void(const engine::LookContext& context, HistoryEntry& entry)>;
  // Whether the newest entry is known already if it differs by its time only: that of a run that was cut.
  enum class Repeated { counts, is_known };
  HistoryStep(HistoryEntry entry, Complete complete, std::vector<std::string> hosts,
              Repeated repeated = Repeated::counts);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  HistoryEntry entry_;
  Complete complete_;
  std::vector<std::string> hosts_;
  Repeated repeated_;
};

}  // namespace sealift::steps
