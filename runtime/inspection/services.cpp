// SPDX-License-Identifier: Apache-2.0
//
// What every node has of Sealift: the balancer before the API servers, and the image mirror.
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr size_t kMostNamed = 5;

void judge_mirror(const HostLook& host, const node::HostAnswer::Mirror& mirror, bool images_asked, Observations& out) {
  if (!mirror.error.empty()) {
    out.fail("mirror.answers", host.name, "its image mirror does not answer: " + mirror.error);
    return;
  }
  out.ok("mirror.answers", host.name, "its image mirror answers");
  if (!images_asked) return;
  if (mirror.missing.empty()) {
    out.ok("mirror.images", host.name, std::format("its mirror has all {} images", mirror.answered));
    return;
  }
  // One reason is mostly everybody's: the first one is told, and then names.
  const auto& first = mirror.missing.front();
  std::vector<std::string> others;
  for (size_t i = 1; i < mirror.missing.size(); ++i) others.push_back(mirror.missing[i].name);
  out.fail("mirror.images", host.name,
           std::format("its mirror can't give {} of {} images: {} ({}){}", mirror.missing.size(),
                       mirror.missing.size() + mirror.answered, first.name, first.error,
                       others.empty() ? "" : "; nor " + some_of(others, kMostNamed)));
}

}  // namespace

void judge_services(const Look& look, Observations& out) {
  for (const auto* host : telling(look)) {
    if (!host->answer) continue;
    const auto& answer = *host->answer;
    if (answer.balancer && answer.balancer->empty()) out.ok("balancer.local", host->name, "an API server answers it");
    if (answer.balancer && !answer.balancer->empty())
      out.fail("balancer.local", host->name, "no API server answers it through its balancer: " + *answer.balancer);
    if (answer.mirror) judge_mirror(*host, *answer.mirror, look.cluster.has_value(), out);
    if (answer.people && answer.people->empty()) out.ok("mirror.people", host->name, "its door for people answers");
    if (answer.people && !answer.people->empty())
      out.fail("mirror.people", host->name, "its door for people does not answer: " + *answer.people);
  }
  if (!look.cluster || !look.cluster->site_balancer) return;
  if (look.cluster->site_balancer->empty())
    out.ok("balancer.site", "the site's balancer", "an API server answers through it");
  else
    out.warn("balancer.site", "the site's balancer",
             "no API server answers through it: " + *look.cluster->site_balancer);
}

}  // namespace sealift::inspection
