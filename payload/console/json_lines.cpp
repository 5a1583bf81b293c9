// SPDX-License-Identifier: Apache-2.0
#include "payload/console/json_lines.h"

#include "payload/console/event_json.h"

namespace sealift::console {

void JsonLines::on(const Event& event) {
  std::string line = to_json(event);
  std::lock_guard guard(mutex_);
  output_.json_line(line);
}

}  // namespace sealift::console
