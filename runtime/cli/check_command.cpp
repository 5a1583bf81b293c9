// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/check_command.h"

#include <algorithm>

#include "payload/base/file.h"
#include "runtime/cli/disk_history_file.h"
#include "runtime/delivery/check.h"
#include "runtime/report/check_report.h"

namespace sealift::cli {
namespace {

constexpr Duration kRound{10'000}, kMoment{100};

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

Result<void> check(delivery::Input& input, const std::function<void()>& finish, const console::Output& out,
                   const Arguments& arguments, const std::string& state) {
  delivery::Check check(input, read_disk_history(state, input.events));
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
    keep_disk_history(state, check.disks(), input.events);
    before = std::move(*found);
    if (!arguments.watch || !wait_for_next_round(input.clock, input.cancel)) return verdict_of(before);
  }
}

}  // namespace sealift::cli
