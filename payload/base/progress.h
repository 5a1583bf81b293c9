// SPDX-License-Identifier: Apache-2.0
//
// Tells how far a long work on bytes has come, at most about two hundred times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "payload/base/event.h"

namespace sealift::base {

class Progress {
 public:
  // `events` must outlive this.
  Progress(EventSink& events, std::string step, uint64_t total)
      : events_(events), step_(std::move(step)), total_(total) {}
  // More bytes are done. What is begun anew counts again. Any thread.
  void add(uint64_t count) {
    const std::lock_guard guard(mutex_);
    at(std::min(done_ + count, total_));
  }
  // One thread at a time.
  void at(uint64_t done) {
    done_ = done;
    if (done != total_ && done - told_ < std::max<uint64_t>(total_ / 200, 1)) return;
    told_ = done;
    events_.on({EventKind::progress, Level::info, {}, step_, {}, done, total_, system_clock().now()});
  }

 private:
  EventSink& events_;
  std::string step_;
  uint64_t total_;
  uint64_t told_ = 0;
  std::mutex mutex_;  // of add()
  uint64_t done_ = 0;
};

}  // namespace sealift::base
