// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

using Action = host::UnitAction;

bool is_wanted(const host::UnitState& state, const WantedUnit& unit) {
  return state.loaded && state.enabled && (unit.want == WantedUnit::Want::enabled || state.active == "active");
}

}  // namespace

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
      return fail_while(std::move(acted).error(), std::format("starting {}; look at `journalctl -u {}` on {}",
                                                              unit.name, unit.name, context.host_name));
    }
  }
  return context.host.record(reason());
}

}  // namespace sealift::steps
