// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/summary.h"

#include <algorithm>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::engine {
namespace {

// The first few: each has its reason in the summary anyway.
std::string first_of(std::vector<std::string> names) {
  constexpr size_t kNamed = 10;
  const size_t count = names.size();
  if (count > kNamed) {
    names.resize(kNamed);
    names.push_back(base::format("and {} more", count - kNamed));
  }
  return base::join(names, ", ");
}

std::optional<Error> failed_alone(const std::vector<StepEnd>& steps) {
  std::vector<std::string> failed;
  const StepEnd* first = nullptr;
  bool same = true;
  size_t left_out = 0;
  for (const StepEnd& step : steps) {
    if (step.status == StepStatus::left_out) ++left_out;
    if (step.status != StepStatus::failed || !step.error) continue;
    failed.push_back(step.step);
    if (first == nullptr) first = &step;
    same = same && step.error->code == first->error->code;
  }
  if (first == nullptr) return std::nullopt;
  Error out = failed.size() == 1
                  ? *first->error
                  : Error{same ? first->error->code : ErrorCode::partial,
                          base::format("{} steps failed: {}; the summary says why", failed.size(), first_of(failed)),
                          {}};
  if (failed.size() == 1) out.while_doing.push_back(base::format("{} on {}", first->step, first->host));
  if (left_out != 0)
    out.what += base::format("; {} not tried, as {} what failed", base::counted(left_out, "step was", "steps were"),
                             left_out == 1 ? "it needs" : "they need");
  return out;
}

}  // namespace

std::string_view name(HostEnd outcome) {
  switch (outcome) {
    case HostEnd::delivered: return "delivered";
    case HostEnd::aside: return "aside";
    case HostEnd::unfinished: return "unfinished";
    case HostEnd::failed: return "failed";
    case HostEnd::interrupted: return "interrupted";
  }
  return "unknown";
}

bool RunSummary::complete() const { return !error(); }

std::optional<Error> RunSummary::error() const {
  if (ended_by) return ended_by;
  std::vector<std::string> left_out;
  for (const HostSummary& host : hosts) {
    if (host.outcome != HostEnd::delivered) left_out.push_back(host.host);
  }
  auto failures = failed_alone(alone);
  if (left_out.empty()) return failures;
  Error out{ErrorCode::partial,
            base::format("{} of {} hosts were not delivered: {}; solve what is reported for them and start the same "
                         "command again, the others are left as they are",
                         left_out.size(), hosts.size(), first_of(left_out)),
            {}};
  if (failures) out.what += base::format("; {}", failures->what);
  return out;
}

}  // namespace sealift::engine
