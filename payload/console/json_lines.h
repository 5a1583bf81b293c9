// SPDX-License-Identifier: Apache-2.0
//
// Events as JSON lines, each written at once so that a reader never sees half a line unless the program dies in it.
#pragma once

#include <mutex>
#include <utility>

#include "payload/base/event.h"
#include "payload/console/output.h"

namespace sealift::console {

class JsonLines final : public EventSink {
 public:
  explicit JsonLines(Output output) : output_(std::move(output)) {}
  void on(const Event& event) override;

 private:
  std::mutex mutex_;
  Output output_;
};

}  // namespace sealift::console
