// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/conclusion.h"

#include "payload/console/event_json.h"

namespace sealift::cli {

int conclude(const Result<void>& done, console::Output out, console::Output messages, bool json) {
  if (!done && json) out.json_line(console::to_json(done.error()));
  const Result<void> written = out.trouble();
  if (!done && (!json || !written)) messages.line("error: " + done.error().text());
  if (!written) {
    messages.line("error: standard output is not complete: " + written.error().text() +
                  "; send it to where there is room and start the same command again");
  }
  if (!done) return base::exit_code(done.error().code);
  return written ? 0 : base::exit_code(written.error().code);
}

}  // namespace sealift::cli
