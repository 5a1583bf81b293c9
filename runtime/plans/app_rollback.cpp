// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/app_rollback.h"

#include "runtime/plans/plan_builder.h"
#include "runtime/steps/app_rollback.h"
#include "runtime/steps/history.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {

engine::Plan rollback_app(const steps::Model& model, const steps::SelectedApp& app, const steps::Revision& revision,
                          uint64_t newest) {
  const auto& first = model.any_control_plane();
  PlanBuilder plan({});
  const Index done = plan.add(first,
                              std::make_shared<steps::RollbackAppStep>(model, app, revision.number, newest,
                                                                       std::make_shared<steps::ClusterApps>()),
                              {});
  plan.at(done).on_failure = engine::OnFailure::alone;
  plan.at(done).ends = {steps::app_step(app)};
  const auto complete = [name = app.app->name, revision](const engine::LookContext&, steps::HistoryEntry& entry) {
    entry.apps.push_back({name, "rolled back", revision.chart});
  };
  const Index noted = plan.add(
      first, std::make_shared<steps::HistoryStep>(steps::history_entry(model), complete, std::vector{first.name}),
      {done});
  plan.at(noted).on_failure = engine::OnFailure::alone;
  const Index synced = plan.add(first, std::make_shared<steps::SyncStep>(first), {});
  plan.at(synced).after_any = {noted};
  return std::move(plan).take();
}

}  // namespace sealift::plans
