// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/step.h"

namespace sealift::engine {

void StepContext::progress(uint64_t done, uint64_t total) const {
  Event event;
  event.kind = EventKind::progress;
  event.host = host_name;
  event.step = step;
  event.done = done;
  event.total = total;
  event.time = clock.now();
  events.on(event);
}

}  // namespace sealift::engine
