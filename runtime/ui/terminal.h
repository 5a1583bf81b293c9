// SPDX-License-Identifier: Apache-2.0
//
// A live picture at the bottom of a terminal, with permanent lines scrolling above it. Plain ANSI (cursor up, clear to
// the end): a full-screen loop would take over the terminal's modes and signals, and the text that must stay readable
// afterwards. Its own thread keeps the times moving while nothing happens.
#pragma once

#include <condition_variable>
#include <mutex>

#include "payload/base/event.h"
#include "payload/base/thread.h"
#include "payload/console/output.h"
#include "runtime/ui/event_lines.h"
#include "runtime/ui/progress_model.h"

namespace sealift::ui {

class Terminal final : public EventSink {
 public:
  Terminal(console::Output output, Clock& clock, Verbosity verbosity, bool colour);
  ~Terminal() override;
  void on(const Event& event) override;
  // Removes the picture; lines may still follow.
  void finish();

 private:
  void tick();
  void clear();
  void paint();

  std::mutex mutex_;
  std::condition_variable wake_;
  console::Output output_;
  Clock& clock_;
  Verbosity verbosity_;
  bool colour_;
  ProgressModel model_;
  size_t painted_ = 0;  // lines on the screen
  bool finished_ = false;
  Duration last_paint_{};
  Thread ticker_;
};

}  // namespace sealift::ui
