// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/build_display.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::packer_cli {

std::string progress_line(uint64_t done, uint64_t total, Duration since) {
  std::string out = base::format("{} of {}", base::human_bytes(done), base::human_bytes(total));
  const auto milliseconds = static_cast<uint64_t>(std::max<int64_t>(since.count(), 0));
  if (milliseconds < 1000 || done == 0) return out;  // too early to tell
  const uint64_t rate = std::max<uint64_t>(done * 1000 / milliseconds, 1);
  return base::format("{}, {}/s, {} left", out, base::human_bytes(rate),
                      console::human_duration(static_cast<long long>((total - std::min(done, total)) * 1000 / rate)));
}

void BuildDisplay::clear() {
  if (is_shown_) output_.write("\r\x1b[K");
  is_shown_ = false;
}

void BuildDisplay::show(const Event& progress) {
  if (!output_.is_terminal()) return;
  clear();
  if (!began_) began_ = clock_.monotonic();
  const auto line = progress_line(progress.done, progress.total, clock_.monotonic() - *began_);
  output_.write(console::fit(progress.step + ": " + line, output_.size().columns - 1));
  is_shown_ = true;
}

void BuildDisplay::finish() {
  const std::lock_guard guard(mutex_);
  clear();
}

void BuildDisplay::on(const Event& event) {
  const std::lock_guard guard(mutex_);
  if (event.kind == base::EventKind::progress) {
    if (event.step == "images" || event.step == "bytes" || event.step == "push" || event.step == "pull") show(event);
    return;
  }
  if (event.kind != base::EventKind::message || event.level == Level::debug) return;
  clear();
  output_.line((event.level == Level::warning ? "warning: " : "") + event.message);
}

}  // namespace sealift::packer_cli
