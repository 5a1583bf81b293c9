// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/terminal.h"

#include <utility>

#include "payload/base/format.h"

namespace sealift::ui {
namespace {

constexpr auto kTick = std::chrono::milliseconds{250};
constexpr Duration kPaintEvery{100};

}  // namespace

Terminal::Terminal(console::Output output, Clock& clock, Verbosity verbosity, bool colour)
    : output_(std::move(output)), clock_(clock), verbosity_(verbosity), colour_(colour) {
  // Without the thread only the times stand still between events.
  if (auto started = Thread::start([this] { tick(); })) ticker_ = std::move(*started);
}

Terminal::~Terminal() {
  finish();
  ticker_.join();
}

void Terminal::tick() {
  std::unique_lock lock(mutex_);
  while (!finished_) {
    wake_.wait_for(lock, kTick);
    if (finished_ || model_.hosts.empty()) continue;
    model_.now = clock_.now();
    paint();
  }
}

void Terminal::clear() {
  if (painted_ == 0) return;
  output_.write(base::format("\033[{}A\r\033[J", painted_));
  painted_ = 0;
}

void Terminal::paint() {
  auto size = output_.size();
  // One column stays free: a full line would wrap on some terminals. A third of the screen is left for the lines above.
  auto lines = picture(model_, size.columns - 1, std::max<size_t>(3, size.rows * 2 / 3), colour_);
  std::string text;
  if (painted_ != 0) text += base::format("\033[{}A\r\033[J", painted_);
  for (const auto& line : lines) text += line + "\n";
  output_.write(text);
  painted_ = lines.size();
  last_paint_ = clock_.monotonic();
}

void Terminal::on(const Event& event) {
  std::lock_guard guard(mutex_);
  model_.on(event);
  // Events shown in the picture need no line of their own.
  bool in_picture = event.kind == EventKind::step_started && verbosity_ == Verbosity::normal && !finished_;
  std::string line = in_picture ? std::string() : event_line(event, verbosity_);
  if (!line.empty()) {
    clear();
    output_.line(line);
  }
  if (finished_ || model_.hosts.empty()) return;
  if (!line.empty() || clock_.monotonic() - last_paint_ >= kPaintEvery) paint();
}

void Terminal::finish() {
  {
    std::lock_guard guard(mutex_);
    if (finished_) return;
    finished_ = true;
    clear();
  }
  wake_.notify_all();
}

}  // namespace sealift::ui
