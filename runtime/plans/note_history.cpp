// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/plans/groups.h"
#include "runtime/steps/history.h"

namespace sealift::plans {

Index note_history(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, const Cluster& cluster,
                   std::vector<Index> after) {
  std::vector<std::string> hosts;
  for (const auto& one : model.nodes) hosts.push_back(one.name);
  const auto complete = [&model, apps = cluster.apps](const engine::LookContext& context, steps::HistoryEntry& entry) {
    steps::add_changed_apps(model, *apps, entry);
    for (const auto& one : model.nodes) {
      if (!one.stands && !std::ranges::contains(context.aside, one.name)) entry.joined.push_back(one.name);
    }
  };
  return plan.add(node, std::make_shared<steps::HistoryStep>(steps::history_entry(model), complete, std::move(hosts)),
                  std::move(after));
}

}  // namespace sealift::plans
