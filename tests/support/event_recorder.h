// SPDX-License-Identifier: Apache-2.0
//
// Keeps every event for tests to inspect. Any thread.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "payload/base/event.h"

namespace sealift::tests {

class EventRecorder final : public EventSink {
 public:
  void on(const Event& event) override {
    std::lock_guard guard(mutex_);
    events_.push_back(event);
  }
  std::vector<Event> events() const {
    std::lock_guard guard(mutex_);
    return events_;
  }
  size_t count(base::EventKind kind) const {
    std::lock_guard guard(mutex_);
    return static_cast<size_t>(std::ranges::count_if(events_, [&](const Event& event) { return event.kind == kind; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace sealift::tests
