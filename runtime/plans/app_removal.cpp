// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/app_removal.h"

#include <algorithm>

#include "runtime/plans/plan_builder.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/forget_app.h"
#include "runtime/steps/history.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {
namespace {

using App = host::ArtifactRecord::App;

class Remover {
 public:
  explicit Remover(const AppRemoval& removal) : removal_(removal), first_(removal.model.any_control_plane()) {}

  engine::Plan run() && {
    for (const auto& app : removal_.apps) take_out(app);
    std::optional<Index> noted;
    if (!removal_.apps.empty()) noted = note();
    for (const auto& app : removal_.apps) forget(app, *noted);
    for (const auto& node : removal_.model.nodes) {
      const Index synced = plan_.add(node, std::make_shared<steps::SyncStep>(node), {});
      plan_.at(synced).after_any = forgotten_;
    }
    return std::move(plan_).take();
  }

 private:
  Index alone(const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after, const App& app) {
    const Index out = plan_.add(node, std::move(step), std::move(after), engine::Lane::applications);
    plan_.at(out).on_failure = engine::OnFailure::alone;
    // A record that it is installed must not outlive the first change.
    plan_.at(out).ends = {std::string(steps::kAppSteps) + app.name};
    return out;
  }

  void take_out(const App& app) {
    std::vector<Index> after;
    for (const auto& other : removal_.apps) {
      if (std::ranges::contains(other.needs, app.name) && gone_.contains(other.name))
        after.push_back(gone_.at(other.name));
    }
    gone_[app.name] =
        alone(first_, std::make_shared<steps::RemoveAppStep>(app, removal_.data, shared_, removal_.left[app.name]),
              std::move(after), app);
  }

  // One after the other on a host: each reads and writes the same records.
  void forget(const App& app, Index noted) {
    std::vector<Index> after{gone_.at(app.name)};
    for (const auto& node : removal_.model.nodes) {
      if (&node != &first_) after.push_back(forget_on(node, app, {gone_.at(app.name)}));
    }
    forgotten_.push_back(forget_on(first_, app, std::move(after)));
    // A run that is cut before that finds the application again, and notes it again if need be.
    plan_.at(forgotten_.back()).after_any.push_back(noted);
  }

  Index forget_on(const steps::Node& node, const App& app, std::vector<Index> after) {
    const Index out = alone(node, std::make_shared<steps::ForgetAppStep>(app.name), std::move(after), app);
    auto& last = last_forgotten_[node.name];
    if (last) plan_.at(out).after_any = {*last};
    last = out;
    return out;
  }

  Index note() {
    std::vector<std::string> hosts;
    for (const auto& node : removal_.model.nodes) hosts.push_back(node.name);
    const auto complete = [&removal = removal_](const engine::LookContext& context, steps::HistoryEntry& entry) {
      for (const auto& app : removal.apps) {
        if (!std::ranges::contains(context.not_done, "remove.app." + app.name))
          entry.apps.push_back({app.name, "removed", app.version});
      }
    };
    const Index out = plan_.add(
        first_, std::make_shared<steps::HistoryStep>(steps::history_entry(removal_.model), complete, std::move(hosts)),
        {});
    for (const auto& [name, gone] : gone_) plan_.at(out).after_any.push_back(gone);
    return out;
  }

  const AppRemoval& removal_;
  const steps::Node& first_;
  PlanBuilder plan_{{}};
  std::shared_ptr<steps::ClusterApps> shared_ = std::make_shared<steps::ClusterApps>();
  std::map<std::string, Index> gone_;                           // by application
  std::vector<Index> forgotten_;                                // on the first control plane
  std::map<std::string, std::optional<Index>> last_forgotten_;  // by node
};

}  // namespace

engine::Plan remove_apps(const AppRemoval& removal) { return Remover(removal).run(); }

}  // namespace sealift::plans
