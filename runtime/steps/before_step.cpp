// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/before_step.h"

#include <algorithm>

#include "runtime/steps/undo_list.h"

namespace sealift::steps {
namespace {

constexpr size_t kMaxFootprint = size_t{64} << 20;

}  // namespace

BeforeStep::BeforeStep(std::string_view id)
    : BasicStep(std::string(id), "note what the host has, for a later reset", digest_of({kBeforePath})) {}

Result<engine::StepState> BeforeStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto noted, context.host.recorded(id()));
  if (noted) return engine::StepState::done;
  SEALIFT_ASSIGN(const bool worked_on, context.host.worked_on());
  if (!worked_on) return engine::StepState::needed;
  // A reset came to its end, but for taking its own record away.
  SEALIFT_ASSIGN(const auto undone, context.host.recorded(std::string(kResetEnd)));
  if (undone) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto entries, context.host.ledger());
  // An attempt of this step that was interrupted has changed nothing else.
  const bool only_this =
      std::ranges::all_of(entries, [&](const host::LedgerEntry& entry) { return entry.step == id(); });
  return only_this ? engine::StepState::needed : engine::StepState::done;
}

Result<void> BeforeStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto undone, context.host.recorded(std::string(kResetEnd)));
  if (undone) SEALIFT_TRY(context.host.forget(reason()));
  auto found = context.host.footprint();
  if (!found && found.error().code == ErrorCode::limit_exceeded) {  // a reset will work without it
    base::tell(context.events, Level::warning, found.error().text() + "; a reset will not be able to compare with it",
               context.host_name);
    return context.host.record(reason());
  }
  SEALIFT_ASSIGN(const auto footprint, std::move(found));
  const std::string lines = host::footprint_lines(footprint);
  base::MemorySource source(base::as_bytes(lines));
  SEALIFT_TRY(context.host.make_directory(std::string(kLedgerFolder), {0700, 0, 0}, reason()));
  SEALIFT_TRY(context.host.write_atomic(std::string(kBeforePath), {0600, 0, 0}, source, reason()));
  return context.host.record(reason());
}

Result<std::optional<host::Footprint>> read_before(host::HostView& host) {
  SEALIFT_ASSIGN(const auto bytes, host.read(std::string(kBeforePath), kMaxFootprint));
  if (!bytes) return std::optional<host::Footprint>{};
  return host::parse_footprint(base::as_text(*bytes)).transform([](host::Footprint read) {
    return std::optional(std::move(read));
  });
}

}  // namespace sealift::steps
