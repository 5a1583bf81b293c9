// SPDX-License-Identifier: Apache-2.0
//
// What a run came to, for people: lines of plain text, at most about 80 columns where the content allows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/clock.h"
#include "runtime/delivery/delivery.h"
#include "runtime/engine/journal.h"

namespace sealift::report {

std::string_view name(delivery::HostOutcome::State state);  // "done", "aside", "unfinished", "failed"
std::string_view name(delivery::PlanLine::State state);     // "done", "needed", "unknown"

// A table of hosts, the notes, and one closing sentence.
std::vector<std::string> outcome_lines(const delivery::Outcome& outcome, Duration took);
// What would be done, host by host; steps that are done are counted, with `all` listed too.
std::vector<std::string> plan_lines(const delivery::PlanOutcome& plan, bool all);
std::vector<std::string> status_lines(const std::vector<delivery::StatusLine>& status);
// "last run: apply of shop 3.4, 2026-…: complete" and what was left in the middle; empty without a run.
std::vector<std::string> last_run_lines(const engine::JournalContents& journal);

}  // namespace sealift::report
