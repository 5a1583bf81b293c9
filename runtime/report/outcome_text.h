// SPDX-License-Identifier: Apache-2.0
//
// The outcome of a run for people: lines of plain text, about 80 columns at most where the content allows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/clock.h"
#include "runtime/delivery/delivery.h"
#include "runtime/engine/journal.h"

namespace sealift::report {

std::string_view name(delivery::HostOutcome::State state);         // "done", "aside", "unfinished", "failed"
std::string_view name(delivery::ApplicationOutcome::State state);  // "healthy", "not_tried" …
std::string_view name(delivery::PlanLine::State state);            // "done", "needed", "unknown"

// A table of hosts, the notes, and one closing sentence.
std::vector<std::string> outcome_lines(const delivery::Outcome& outcome, Duration took);
// What would be done, host by host; steps already done are only counted, and listed too if `all`.
std::vector<std::string> plan_lines(const delivery::PlanOutcome& plan, bool all);
std::vector<std::string> status_lines(const std::vector<delivery::StatusLine>& status);
// "last run from this machine: apply of shop 3.4, 2026-…: complete" and the steps left unfinished; empty without a run.
std::vector<std::string> last_run_lines(const engine::JournalContents& journal);

}  // namespace sealift::report
