// SPDX-License-Identifier: Apache-2.0
//
// Events as plain lines: for pipes, logs and terminals that can't move the cursor.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "payload/base/event.h"
#include "payload/console/output.h"

namespace sealift::ui {

enum class Verbosity { normal, verbose };  // verbose: debug messages, skipped and finished steps too

// The line for an event ("w1: join the cluster"), empty if it has none at this verbosity. Progress has none.
std::string event_line(const Event& event, Verbosity verbosity);

class PlainLines final : public EventSink {
 public:
  PlainLines(console::Output output, Verbosity verbosity) : output_(std::move(output)), verbosity_(verbosity) {}
  void on(const Event& event) override;

 private:
  std::mutex mutex_;
  console::Output output_;
  Verbosity verbosity_;
  std::map<std::string, WallTime> last_progress_;  // by host and step: one line every ten seconds
};

}  // namespace sealift::ui
