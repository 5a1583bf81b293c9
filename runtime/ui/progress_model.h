// SPDX-License-Identifier: Apache-2.0
//
// The state of a running delivery that people want to see, folded from its events; and its picture as lines of text.
// Pure: no terminal, no clock, no lock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "payload/base/event.h"

namespace sealift::ui {

struct ActiveStep {
  std::string id, description;
  uint64_t done = 0, total = 0;  // bytes
  WallTime since{};
};

struct HostProgress {
  uint64_t ended = 0, total = 0;  // steps
  std::vector<ActiveStep> active;
  bool aside = false, failed = false;
};

struct ProgressModel {
  std::string phase;
  std::map<std::string, HostProgress> hosts;
  WallTime began{}, now{};

  void on(const Event& event);
};

// At most `rows` lines of at most `columns` cells: the phase, then hosts (busy ones first), then the overall bar.
// Colours as ANSI sequences only if `colour`.
std::vector<std::string> picture(const ProgressModel& model, size_t columns, size_t rows, bool colour);

}  // namespace sealift::ui
