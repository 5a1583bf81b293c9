// SPDX-License-Identifier: Apache-2.0
//
// Whether hosts answer, what runs on them, and their clocks.
#include <algorithm>
#include <cstdlib>

#include "payload/base/format.h"
#include "runtime/inspection/gather.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr int64_t kWarnSkewMs = 2'000, kMaxSkewMs = 60'000;  // as runtime/checks/time.cpp

void judge_units(const HostLook& host, Observations& out) {
  bool all_well = true;
  for (const auto unit : node_units()) {
    const auto found = host.units.find(std::string(unit));
    if (found == host.units.end()) continue;
    const auto& state = found->second;
    if (state.active != "active") {
      all_well = false;
      out.fail("host.units", host.name,
               base::format("{} is {}", unit, state.loaded ? state.active : std::string("not installed")));
    } else if (!state.enabled) {
      all_well = false;
      out.warn("host.units", host.name, base::format("{} runs, but is not enabled: it would not after a reboot", unit));
    }
  }
  if (all_well) out.ok("host.units", host.name, base::format("{} units run and are enabled", node_units().size()));
}

// How far a clock is ahead of the launch machine's; how long the answer took is not known better.
int64_t offset_of(const HostLook& host) { return host.facts.clock_ms - host.read_at_ms; }

// Against the median: of several hosts the odd one is named, and not the others for its sake. The launch machine's own
// clock matters to nobody.
void judge_clocks(const Look& look, Observations& out) {
  const auto hosts = telling(look);
  if (hosts.empty()) return;
  std::vector<int64_t> offsets;
  for (const auto* host : hosts) offsets.push_back(offset_of(*host));
  std::ranges::sort(offsets);
  const int64_t median = offsets[(offsets.size() - 1) / 2];
  for (const auto* host : hosts) {
    const int64_t ahead = offset_of(*host) - median, skew = std::abs(ahead);
    const auto evidence = base::format("its clock is {} s {} those of the other hosts", (skew + 500) / 1000,
                                       ahead > 0 ? "ahead of" : "behind");
    if (skew > kMaxSkewMs)
      out.fail("time.clock", host->name, evidence);
    else if (skew > kWarnSkewMs + host->took_ms)
      out.warn("time.clock", host->name, evidence);
    else
      out.ok("time.clock", host->name, "its clock goes with those of the other hosts");
  }
}

std::string reached(const Error& away) { return refuses_login(away) ? "no login: " : "does not answer: "; }

// Empty: that of the catalogue.
std::string remedy_of(const Error& away) {
  if (away.code == ErrorCode::auth_failed) return "correct the login of this host in cluster.yaml (ssh)";
  return refuses_login(away) ? "it may be well: as its own text says, have its host key known, and ask again" : "";
}

}  // namespace

bool refuses_login(const Error& away) {
  return away.code == ErrorCode::host_key_unknown || away.code == ErrorCode::host_key_changed ||
         away.code == ErrorCode::auth_failed;
}

void judge_hosts(const Look& look, const Wishes&, Observations& out) {
  for (const auto& host : look.hosts) {
    if (host.away)
      out.fail("host.answers", host.name, reached(*host.away) + host.away->text(), remedy_of(*host.away));
    else if (!host.worked_on)
      out.ok("host.answers", host.name, "answers; nothing was delivered to it yet");
    else if (!host.no_answer.empty())
      out.fail("host.answers", host.name, "answers, but could not look at itself: " + host.no_answer);
    else
      out.ok("host.answers", host.name, "answers");
  }
  for (const auto* host : telling(look)) judge_units(*host, out);
  judge_clocks(look, out);
}

}  // namespace sealift::inspection
