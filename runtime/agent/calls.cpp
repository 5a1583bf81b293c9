// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/calls.h"

#include <algorithm>
#include <array>

namespace sealift::agent {
namespace {

// In the order of Call.
constexpr auto kNames = std::to_array<std::string_view>({
    "facts",   "stat",       "read",          "digest",     "list",          "unit",        "sysctl", "disk",
    "feature", "canExecute", "askNameServer", "query",      "recorded",      "records",     "ledger", "workedOn",
    "synced",  "storeState", "footprint",     "write",      "makeDirectory", "makeSymlink", "remove", "run",
    "runJob",  "unitAction", "loadModule",    "setSysctl",  "announce",      "begin",       "record", "sync",
    "restore", "takeAway",   "forget",        "storeWrite", "storeFinish",
});
static_assert(kNames.size() == static_cast<size_t>(Call::store_finish) + 1);

}  // namespace

std::string_view name(Call call) { return kNames[static_cast<size_t>(call)]; }

std::optional<Call> parse_call(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Call>(found - kNames.begin());
}

}  // namespace sealift::agent
