// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/summary.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::engine {

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

bool RunSummary::complete() const {
  return !ended_by &&
         std::ranges::all_of(hosts, [](const HostSummary& host) { return host.outcome == HostEnd::delivered; });
}

std::optional<Error> RunSummary::error() const {
  if (ended_by) return ended_by;
  std::vector<std::string> left_out;
  for (const HostSummary& host : hosts) {
    if (host.outcome != HostEnd::delivered) left_out.push_back(host.host);
  }
  if (left_out.empty()) return std::nullopt;
  const size_t count = left_out.size();
  constexpr size_t kNamed = 10;  // the summary lists each host's reason anyway
  if (count > kNamed) {
    left_out.resize(kNamed);
    left_out.push_back(std::format("and {} more", count - kNamed));
  }
  return Error{ErrorCode::partial,
               std::format("{} of {} hosts were not delivered: {}; solve what is reported for them and start the same "
                           "command again, the others are left as they are",
                           count, hosts.size(), base::join(left_out, ", ")),
               {}};
}

}  // namespace sealift::engine
