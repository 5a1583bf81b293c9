// SPDX-License-Identifier: Apache-2.0
//
// Libraries report to people through events and never print. A sink shows events (terminal, plain lines, JSON) or
// records them. Sinks never block for long, never throw, and may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "payload/base/clock.h"

namespace sealift::base {

enum class EventKind {
  phase,         // a new part of the run began: message = its title
  message,       // for people, by level
  step_started,  // host, step
  step_skipped,  // the wanted state was already there
  step_finished,
  step_failed,  // message = the error's text
  progress,     // `done` of `total` bytes for (host, step); without a step: steps of the host
  host_aside,   // a host is set aside from here on: message = reason
  finding,      // a preflight finding: host, message
};

enum class Level { debug, info, warning, error };

struct Event {
  EventKind kind = EventKind::message;
  Level level = Level::info;
  std::string host;  // empty = not about a single host
  std::string step;  // step id, empty = none
  std::string message;
  uint64_t done = 0;  // bytes
  uint64_t total = 0;
  WallTime time{};
};

// Stable spelling for JSON, e.g. "step_started".
std::string_view name(EventKind kind);
std::string_view name(Level level);

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) = 0;
};

// Drops everything.
EventSink& no_events();

void tell(EventSink& sink, Level level, std::string message, std::string host = {});

}  // namespace sealift::base

namespace sealift {
using base::Event;
using base::EventKind;
using base::EventSink;
using base::Level;
}  // namespace sealift
