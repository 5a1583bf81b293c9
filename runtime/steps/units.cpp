// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/units.h"

#include "payload/base/format.h"

namespace sealift::steps {
namespace {

using Action = host::UnitAction;

bool is_wanted(const host::UnitState& state, const WantedUnit& unit) {
  return state.loaded && state.enabled && (unit.want == WantedUnit::Want::enabled || state.active == "active");
}

}  // namespace

bool is_at_work(const host::UnitState& unit) {
  return unit.active == "active" || unit.active == "activating" || unit.active == "deactivating" ||
         unit.active == "reloading";
}

UnitsStep::UnitsStep(engine::StepId id, std::string description, std::vector<WantedUnit> units, Digest inputs)
    : BasicStep(std::move(id), std::move(description), inputs), units_(std::move(units)) {}

Result<engine::StepState> UnitsStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool same, recorded(context));
  if (!same) return engine::StepState::needed;
  for (const auto& unit : units_) {
    SEALIFT_ASSIGN(const auto state, context.host.unit(unit.name));
    if (!is_wanted(state, unit)) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> UnitsStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.unit_action("", Action::reload_daemon, reason()));
  const bool same = context.succeeded_with == inputs().hex();
  for (const auto& unit : units_) {
    SEALIFT_TRY(context.cancel.check());
    SEALIFT_ASSIGN(const auto state, context.host.unit(unit.name));
    if (!state.enabled) SEALIFT_TRY(context.host.unit_action(unit.name, Action::enable, reason()));
    if (unit.want == WantedUnit::Want::enabled) continue;
    // A unit running with outdated files is restarted; containers survive containerd's restart.
    const bool running = state.active == "active";
    if (running && same) continue;
    auto acted = context.host.unit_action(unit.name, running ? Action::restart : Action::start, reason());
    if (!acted) {
      return fail_while(std::move(acted).error(), base::format("starting {}; look at `journalctl -u {}` on {}",
                                                               unit.name, unit.name, context.host_name));
    }
  }
  return context.host.record(reason());
}

ReloadStep::ReloadStep(engine::StepId id, std::string description, std::string unit, Digest inputs)
    : BasicStep(std::move(id), std::move(description), inputs), unit_(std::move(unit)) {}

Result<engine::StepState> ReloadStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool same, recorded(context));
  return same ? engine::StepState::done : engine::StepState::needed;
}

// What has just been started is reloaded, too: that it read the file after it was written can't be seen from here.
Result<void> ReloadStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto state, context.host.unit(unit_));
  // One that is not up, since it crashes or was stopped by hand, reads its configuration when it comes.
  const auto action = state.active == "active" ? Action::reload : Action::restart;
  if (auto acted = context.host.unit_action(unit_, action, reason()); !acted) {
    return fail_while(std::move(acted).error(),
                      base::format("reloading {}; look at `journalctl -u {}` on {}", unit_, unit_, context.host_name));
  }
  return context.host.record(reason());
}

}  // namespace sealift::steps
