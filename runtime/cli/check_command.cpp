// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/check_command.h"

#include <algorithm>

#include "payload/base/file.h"
#include "runtime/delivery/check.h"
#include "runtime/report/check_report.h"
#include "runtime/report/state_directory.h"

namespace sealift::cli {
namespace {

constexpr Duration kRound{10'000}, kMoment{100};
constexpr size_t kMostHistory = size_t{16} << 20;

std::string history_path(const std::string& state) { return state + "/disks.json"; }

// Without it there is no forecast, and nothing else is wrong.
inspection::DiskHistory read_history(const std::string& state, EventSink& events) {
  const auto text = base::read_text_file(history_path(state), kMostHistory);
  if (!text && text.error().code == ErrorCode::not_found) return {};
  auto history = text.and_then([](const std::string& json) { return inspection::DiskHistory::parse(json); });
  if (history) return std::move(*history);
  base::tell(events, Level::warning, std::format("{} begins anew: {}", history_path(state), history.error().text()));
  return {};
}

void keep_history(const std::string& state, const inspection::DiskHistory& history, EventSink& events) {
  const auto kept = report::make_state_directory(state).and_then([&] {
    const std::string text = history.text();
    return base::write_file_atomic(history_path(state), base::as_bytes(text), 0600);
  });
  if (!kept) base::tell(events, Level::warning, "how full the disks are is not kept: " + kept.error().text());
}

void print(const report::Observations& found, bool all, console::Output out, const Arguments& arguments) {
  if (arguments.json) {
    for (const auto& one : found) out.json_line(report::to_json(one));
  } else {
    for (const auto& line : report::check_lines(found, all)) out.line(line);
  }
}

Result<void> verdict_of(const report::Observations& found) {
  const auto failed = std::ranges::count(found, inspection::Verdict::fail, &inspection::Observation::verdict);
  if (failed == 0) return {};
  return fail(ErrorCode::unhealthy, "{} of {} are not as they should be (marked with !)", failed, found.size());
}

// False: somebody has stopped it.
bool wait_for_next_round(Clock& clock, const CancelToken& cancel) {
  const Duration end = clock.monotonic() + kRound;
  while (clock.monotonic() < end) {
    if (!cancel.check()) return false;
    clock.sleep(kMoment);
  }
  return cancel.check().has_value();
}

}  // namespace

Result<void> check(delivery::Input& input, const std::function<void()>& finish, console::Output out,
                   const Arguments& arguments, const std::string& state) {
  delivery::Check check(input, read_history(state, input.events));
  report::Observations before;
  for (bool is_first = true;; is_first = false) {
    const Duration began = input.clock.monotonic();
    auto found = check.run();
    if (is_first) finish();
    if (!found) {
      // Who stops a watch has seen what there was to be seen.
      if (!is_first && found.error().code == ErrorCode::cancelled) return verdict_of(before);
      return fail(std::move(found).error());
    }
    if (arguments.junit) {
      const auto text = report::to_junit(*found, input.config.name, input.clock.now(), input.clock.monotonic() - began);
      SEALIFT_TRY(base::write_file_atomic(*arguments.junit, base::as_bytes(text), 0644));
    }
    if (is_first)
      print(*found, arguments.verbose, out, arguments);
    else if (const auto changed = report::changes(before, *found); !changed.empty())
      print(changed, true, out, arguments);
    keep_history(state, check.disks(), input.events);
    before = std::move(*found);
    if (!arguments.watch || !wait_for_next_round(input.clock, input.cancel)) return verdict_of(before);
  }
}

}  // namespace sealift::cli
