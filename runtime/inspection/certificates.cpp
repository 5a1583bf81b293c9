// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kWarnDays = 30;
// The node renews its own when a third of their life is left, every day anew.
constexpr int64_t kWarnPercent = 25;
constexpr std::string_view kOwnFolder = "/etc/sealift/";

constexpr std::string_view kOfSite = "/etc/sealift/pki/people/site.pem";
constexpr std::string_view kRemedyOfSite =
    "have the site's authority issue another one, name it in registry.domain of cluster.yaml, and run `apply`";
constexpr std::string_view kAuthorities = "/etc/sealift/pki/ca.crt";

// "ends in 7213 days, at 2046-11-23T12:00:00.000Z"
std::string end_of(const node::HostAnswer::Certificate& certificate, int64_t now_ms) {
  const auto when = base::to_iso8601(WallTime(Duration(certificate.ends_ms)));
  return certificate.ends_ms <= now_ms
             ? "has ended, at " + when
             : base::format("ends in {} days, at {}", (certificate.ends_ms - now_ms) / kDayMs, when);
}

// Each generation that the host believes, the newest first. One that ends while another does not is no trouble.
void judge_authorities(const Look& look, const std::string& host,
                       const std::vector<const node::HostAnswer::Certificate*>& authorities, Observations& out) {
  constexpr std::string_view kId = "certificates.authority";
  constexpr size_t kShown = 16;  // of a fingerprint's digits: enough to tell which one it is
  if (authorities.empty()) return;
  std::vector<std::string> texts;
  for (const auto* one : authorities)
    texts.push_back(base::format("{} (SHA-256 {}) {}",
                                 authorities.size() == 1      ? "the only authority"
                                 : one == authorities.front() ? "the new authority"
                                                              : "a former authority",
                                 one->fingerprint.substr(0, kShown), end_of(*one, look.now_ms)));
  const auto text = base::join(texts, "; ");
  const auto is_over = [&](const auto* one) { return one->ends_ms <= look.now_ms; };
  const auto is_due = [&](const auto* one) {  // as trust::is_due
    return one->ends_ms - look.now_ms < (one->ends_ms - one->begins_ms) / 3;
  };
  if (std::ranges::all_of(authorities, is_over))
    out.fail(kId, host, text);
  else if (std::ranges::all_of(authorities, is_due))
    out.warn(kId, host, text + ": `apply` makes another one, which takes over");
  else
    out.ok(kId, host, text);
}

struct Ends {
  const node::HostAnswer::Certificate* first = nullptr;
  size_t count = 0;
  bool all_well = true;
};

}  // namespace

void judge_certificates(const Look& look, Observations& out) {
  for (const auto* host : telling(look)) {
    if (!host->answer) continue;
    std::array<Ends, 2> ends;  // Kubernetes' and our own
    std::vector<const node::HostAnswer::Certificate*> authorities;
    for (const auto& certificate : host->answer->certificates) {
      if (certificate.path == kAuthorities) {
        authorities.push_back(&certificate);
        continue;
      }
      const bool is_own = certificate.path.starts_with(kOwnFolder);
      const std::string_view id = is_own ? "certificates.nodes" : "certificates.kubernetes";
      auto& sum = ends[is_own ? 1 : 0];
      ++sum.count;
      if (sum.first == nullptr || certificate.ends_ms < sum.first->ends_ms) sum.first = &certificate;
      const int64_t left = certificate.ends_ms - look.now_ms,
                    life = std::max(certificate.ends_ms - certificate.begins_ms, int64_t{1});
      const auto when = base::to_iso8601(WallTime(Duration(certificate.ends_ms)));
      const std::string remedy(certificate.path == kOfSite ? kRemedyOfSite : "");
      if (left <= 0) {
        sum.all_well = false;
        out.fail(id, host->name, base::format("{} has ended, at {}", certificate.path, when), remedy);
      } else if (left < kWarnDays * kDayMs || (is_own && left * 100 / life < kWarnPercent)) {
        sum.all_well = false;
        out.warn(id, host->name, base::format("{} ends in {} days, at {}", certificate.path, left / kDayMs, when),
                 remedy);
      }
    }
    judge_authorities(look, host->name, authorities, out);
    for (size_t own = 0; own < ends.size(); ++own) {
      const auto& sum = ends[own];
      if (sum.count == 0 || !sum.all_well) continue;
      out.ok(own == 1 ? "certificates.nodes" : "certificates.kubernetes", host->name,
             base::format("the first of {} to end is {}, in {} days", sum.count, sum.first->path,
                          (sum.first->ends_ms - look.now_ms) / kDayMs));
    }
  }
}

}  // namespace sealift::inspection
