// SPDX-License-Identifier: Apache-2.0
//
// What every node has of Sealift: the balancer before the API servers, and the image mirror.
#include "payload/base/format.h"
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
    out.ok("mirror.images", host.name, base::format("its mirror has all {} images", mirror.answered));
    return;
  }
  // One reason is mostly everybody's: the first one is told, and then names.
  const auto& first = mirror.missing.front();
  std::vector<std::string> others;
  for (size_t i = 1; i < mirror.missing.size(); ++i) others.push_back(mirror.missing[i].name);
  out.fail("mirror.images", host.name,
           base::format("its mirror can't give {} of {} images: {} ({}){}", mirror.missing.size(),
                        mirror.missing.size() + mirror.answered, first.name, first.error,
                        others.empty() ? "" : "; nor " + some_of(others, kMostNamed)));
}

// `error`: "" if it answers; nothing where there is none.
void judge_answer(std::string_view id, const std::string& host, const std::optional<std::string>& error,
                  std::string_view well, std::string_view bad, Observations& out) {
  if (!error) return;
  if (error->empty())
    out.ok(id, host, std::string(well));
  else
    out.fail(id, host, base::format("{}: {}", bad, *error));
}

}  // namespace

void judge_services(const Look& look, Observations& out) {
  for (const auto* host : telling(look)) {
    if (!host->answer) continue;
    const auto& answer = *host->answer;
    judge_answer("balancer.local", host->name, answer.balancer, "an API server answers it",
                 "no API server answers it through its balancer", out);
    if (answer.mirror) judge_mirror(*host, *answer.mirror, look.cluster.has_value(), out);
    judge_answer("mirror.people", host->name, answer.people, "its door for people answers",
                 "its door for people does not answer", out);
  }
  if (!look.cluster || !look.cluster->site_balancer) return;
  if (look.cluster->site_balancer->empty())
    out.ok("balancer.site", "the site's balancer", "an API server answers through it");
  else
    out.warn("balancer.site", "the site's balancer",
             "no API server answers through it: " + *look.cluster->site_balancer);
}

}  // namespace sealift::inspection
