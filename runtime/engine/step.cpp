// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/step.h"

#include "runtime/engine/connections.h"
#include "runtime/host/host.h"

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

LookContext StepContext::looking() const { return {host, others, cancel, aside, not_done}; }

}  // namespace sealift::engine
