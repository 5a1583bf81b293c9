// SPDX-License-Identifier: Apache-2.0
//
// What is being packed or tested, for people: plain lines, and on a terminal below them one more that shows how images
// arrive, or how far their bytes are checked.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/event.h"
#include "payload/console/output.h"

namespace sealift::packer_cli {

class BuildDisplay final : public EventSink {
 public:
  BuildDisplay(console::Output output, Clock& clock) : output_(std::move(output)), clock_(clock) {}
  void on(const Event& event) override;
  // Removes the line; text may still follow.
  void finish();

 private:
  void clear();
  void show(const Event& progress);

  console::Output output_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<Duration> began_;  // the first bytes
  bool is_shown_ = false;
};

// "1.2 GiB of 9.7 GiB, 85 MiB/s, 1:40 min left"
std::string progress_line(uint64_t done, uint64_t total, Duration since);

}  // namespace sealift::packer_cli
