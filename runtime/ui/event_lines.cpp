// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/event_lines.h"

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::ui {
namespace {

constexpr Duration kProgressEvery{10'000};

std::string prefix(const Event& event) { return event.host.empty() ? std::string() : event.host + ": "; }

}  // namespace

std::string event_line(const Event& event, Verbosity verbosity) {
  switch (event.kind) {
    case EventKind::phase: return "== " + event.message;
    case EventKind::message:
      if (event.level == Level::debug && verbosity == Verbosity::normal) return {};
      if (event.level == Level::warning) return prefix(event) + "warning: " + event.message;
      if (event.level == Level::error) return prefix(event) + "error: " + event.message;
      return prefix(event) + event.message;
    case EventKind::step_started: return prefix(event) + (event.message.empty() ? event.step : event.message);
    case EventKind::step_skipped:
      if (verbosity == Verbosity::normal) return {};
      return prefix(event) + event.step + ": nothing to do";
    case EventKind::step_finished:
      if (verbosity == Verbosity::normal) return {};
      return prefix(event) + event.step + ": done";
    case EventKind::step_failed: return prefix(event) + "error: " + event.step + ": " + event.message;
    case EventKind::host_aside: return prefix(event) + "set aside: " + event.message;
    case EventKind::finding:
      return prefix(event) +
             (event.level == Level::error     ? "must be solved: "
              : event.level == Level::warning ? "warning: "
                                              : "") +
             event.message;
    case EventKind::progress: return {};
  }
  return {};
}

void PlainLines::on(const Event& event) {
  std::lock_guard guard(mutex_);
  if (event.kind != EventKind::progress) {
    std::string line = event_line(event, verbosity_);
    if (!line.empty()) output_.line(line);
    return;
  }
  if (event.step.empty() || event.total == 0) return;
  WallTime& last = last_progress_[event.host + "\n" + event.step];
  if (last == WallTime{}) {  // the start needs no line, and a step that ends soon never gets one
    last = event.time;
    return;
  }
  if (event.time - last < kProgressEvery) return;
  last = event.time;
  output_.line(base::format(
      "{}{}: {} of {} ({} %)", prefix(event), event.step, base::human_bytes(event.done), base::human_bytes(event.total),
      static_cast<uint64_t>(static_cast<double>(event.done) * 100.0 / static_cast<double>(event.total))));
}

}  // namespace sealift::ui
