// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/report_command.h"

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "runtime/cli/disk_history_file.h"
#include "runtime/delivery/check.h"
#include "runtime/delivery/records.h"
#include "runtime/engine/journal.h"
#include "runtime/report/acceptance.h"

namespace sealift::cli {
namespace {

using Standing = report::Acceptance::Standing;

Result<report::Acceptance> look(delivery::Input& input, const Arguments& arguments, const std::string& state) {
  delivery::Check check(input, read_disk_history(state, input.events));
  const Duration began = input.clock.monotonic();
  SEALIFT_ASSIGN(auto found, check.run());
  const Duration took = input.clock.monotonic() - began;
  keep_disk_history(state, check.disks(), input.events);
  const auto& seen = check.look();
  auto history = seen ? delivery::history(input) : std::vector<steps::HistoryEntry>{};
  SEALIFT_TRY(input.cancel.check());
  return report::make_acceptance({.contents = input.payload.contents(),
                                  .identity = input.payload.identity().text(),
                                  .payload_bytes = input.payload.payload_size(),
                                  .config = input.config,
                                  .look = seen ? &*seen : nullptr,
                                  .found = std::move(found),
                                  .waivers = arguments.waivers,
                                  .journal = engine::read_journal(state),
                                  .history = std::move(history),
                                  .title = arguments.title,
                                  .by = input.who,
                                  .now = input.clock.now(),
                                  .took = took});
}

std::string written(const report::Acceptance& acceptance, report::AcceptanceFormat format) {
  switch (format) {
    case report::AcceptanceFormat::html: return report::to_html(acceptance);
    case report::AcceptanceFormat::json: return report::to_json(acceptance);
    case report::AcceptanceFormat::junit: return report::to_junit(acceptance);
  }
  return {};
}

}  // namespace

Result<void> report_acceptance(delivery::Input& input, const std::function<void()>& finish, console::Output out,
                               const Arguments& arguments, const std::string& state) {
  SEALIFT_ASSIGN(const auto format, report::acceptance_format(arguments.output));
  const auto acceptance = look(input, arguments, state);
  finish();
  if (!acceptance) return fail(acceptance.error());
  const auto text = written(*acceptance, format);
  SEALIFT_TRY(base::write_file_atomic(arguments.output, base::as_bytes(text), 0644));
  const auto verdict = report::verdict_sentence(*acceptance);
  if (arguments.json) {
    json::Value line = json::Value::object();
    line.set("event", "report");
    line.set("file", arguments.output);
    line.set("verdict", verdict);
    out.json_line(json::to_canonical(line));
  } else {
    out.line(base::format("{}: {}", base::printable(arguments.output), verdict));
  }
  if (const auto failed = acceptance->count(Standing::fail); failed != 0)
    return fail(ErrorCode::unhealthy, "{} of {} are not as they should be; {} names them, with what to do", failed,
                acceptance->checks.size(), base::printable(arguments.output));
  return {};
}

}  // namespace sealift::cli
