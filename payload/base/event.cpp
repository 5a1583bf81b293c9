// SPDX-License-Identifier: Apache-2.0
#include "payload/base/event.h"

namespace sealift::base {
namespace {

class NoEvents final : public EventSink {
 public:
  void on(const Event&) override {}
};

}  // namespace

std::string_view name(EventKind kind) {
  switch (kind) {
    case EventKind::phase: return "phase";
    case EventKind::message: return "message";
    case EventKind::step_started: return "step_started";
    case EventKind::step_skipped: return "step_skipped";
    case EventKind::step_finished: return "step_finished";
    case EventKind::step_failed: return "step_failed";
    case EventKind::progress: return "progress";
    case EventKind::host_aside: return "host_aside";
    case EventKind::finding: return "finding";
  }
  return "unknown";
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warning: return "warning";
    case Level::error: return "error";
  }
  return "unknown";
}

EventSink& no_events() {
  static NoEvents sink;  // stateless
  return sink;
}

void tell(EventSink& sink, Level level, std::string message, std::string host) {
  Event event;
  event.level = level;
  event.message = std::move(message);
  event.host = std::move(host);
  event.time = system_clock().now();
  sink.on(event);
}

}  // namespace sealift::base
