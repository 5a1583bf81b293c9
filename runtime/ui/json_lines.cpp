// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/json_lines.h"

#include "runtime/report/event_json.h"

namespace sealift::ui {

void JsonLines::on(const Event& event) {
  std::string line = report::to_json(event);
  std::lock_guard guard(mutex_);
  output_.line(line);
}

}  // namespace sealift::ui
