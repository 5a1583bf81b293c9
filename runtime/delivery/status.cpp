// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <set>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/control_plane_state.h"
#include "runtime/delivery/delivery.h"
#include "runtime/host/artifact_record.h"
#include "runtime/inspection/gather.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/missing_objects.h"
#include "runtime/steps/site_balancer.h"

namespace sealift::delivery {
namespace {

StatusLine status_line(const kube::Judged& judged) {
  const bool healthy = judged.health.state == kube::Health::State::current;
  StatusLine line{judged.health.subject, healthy ? "Ready" : "NotReady", judged.detail, healthy};
  if (!healthy) line.detail += (line.detail.empty() ? "" : "  ") + judged.health.message;
  return line;
}

StatusLine status_line(const host::ArtifactRecord& artifact) {
  std::string detail = artifact.version;
  if (!artifact.kubernetes.empty()) detail += (detail.empty() ? "" : ", ") + ("Kubernetes " + artifact.kubernetes);
  detail += (detail.empty() ? "" : ", ") + base::counted(artifact.apps.size(), "application", "applications");
  return {"artifact " + (artifact.name.empty() ? artifact.title() : artifact.name), "Recorded", detail, true};
}

bool is_of_the_host(ErrorCode code) { return code == ErrorCode::unreachable || code == ErrorCode::cancelled; }

// The node renews them when a third of their life is left, every day anew.
constexpr uint64_t kPercentToWarn = 25;

// Lines about certificates that should have been renewed long ago; those of the host that is asked.
Result<void> add_certificates(std::vector<StatusLine>& out, host::HostView& host, const std::string& name,
                              const CancelToken& cancel) {
  const auto certificates = steps::look_at_certificates(host, cancel);
  if (!certificates) {
    if (is_of_the_host(certificates.error().code)) return std::unexpected(certificates.error());
    out.push_back({"certificates " + name, "Unknown", certificates.error().text(), true, true});
    return {};
  }
  for (const auto& certificate : *certificates) {
    if (certificate.percent_left >= kPercentToWarn) continue;
    const bool ended = certificate.percent_left == 0;
    out.push_back({base::format("certificate {} {}", name, certificate.usage), ended ? "Ended" : "EndsSoon",
                   base::format("{} and was not renewed: look at `journalctl -u sealift-renew` there, or deliver again",
                                (ended ? "ended at " : "ends at ") + certificate.ends),
                   !ended, !ended});
  }
  return {};
}

// Asked from a control plane, as people's programs would: also whether the certificate names it.
Result<void> add_balancer(std::vector<StatusLine>& out, host::HostView& host, const config::ClusterConfig& config,
                          const CancelToken& cancel) {
  if (!config.api.balancer) return {};
  const auto answer = steps::ask_balancer(host, *config.api.balancer, cancel);
  if (!answer && is_of_the_host(answer.error().code)) return std::unexpected(answer.error());
  out.push_back({"balancer " + steps::name_of(*config.api.balancer), answer ? "Ready" : "NotReady",
                 answer ? "" : inspection::last_line(answer.error().what), true, !answer});
  return {};
}

// Each endpoint of the site's etcd, as a control plane sees it.
Result<void> add_etcd(std::vector<StatusLine>& out, host::HostView& host, const config::ClusterConfig& config,
                      const CancelToken& cancel) {
  if (!config.external_etcd) return {};
  const auto state = steps::look_at_etcd(host, *config.external_etcd, "/registry/", cancel);
  if (!state) {
    if (is_of_the_host(state.error().code)) return std::unexpected(state.error());
    out.push_back({"etcd", "Unknown", inspection::last_line(state.error().what), true, true});
    return {};
  }
  for (const auto& one : state->endpoints)
    out.push_back({"etcd " + one.endpoint, one.error.empty() ? "Ready" : "NotReady", inspection::last_line(one.error),
                   true, !one.error.empty()});
  return {};
}

// What somebody has deleted of the applications.
Result<void> add_missing(std::vector<StatusLine>& out, host::HostView& host,
                         const std::vector<host::ArtifactRecord>& artifacts, const CancelToken& cancel) {
  const auto missing = steps::missing_objects(host, artifacts, cancel);
  if (!missing && is_of_the_host(missing.error().code)) return std::unexpected(missing.error());
  if (!missing) {
    out.push_back({"applications", "Unknown", inspection::last_line(missing.error().what), true, true});
    return {};
  }
  for (const auto& [app, object] : *missing)
    out.push_back({object.title(), "Missing", base::format("of {}; `apply` brings it back", app), false});
  return {};
}

}  // namespace

Result<std::vector<StatusLine>> status(Input& input) {
  SEALIFT_ASSIGN(auto found, find_control_planes(input));
  std::vector<StatusLine> out;
  for (const auto& [config, why] : found.absent)
    out.push_back({"control plane " + config.name.value_or(config.address), "Absent", why.text(), false});
  // Each tells about its own parts, and the first whose API answers about the cluster.
  std::vector<Result<ControlPlaneState>> states(found.there.size(), fail(ErrorCode::internal, "not asked"));
  base::parallel_for(states.size(), 8, [&](size_t i) {
    states[i] = look_at_state(*found.there[i].host, found.there[i].name(), input.config, input.cancel);
  });
  const ControlPlane* asked = nullptr;
  std::vector<const ControlPlane*> answering;
  for (size_t i = 0; i < states.size(); ++i) {
    const auto& one = found.there[i];
    if (!states[i]) {  // its connection broke meanwhile
      SEALIFT_TRY(input.cancel.check());
      out.push_back({"control plane " + one.name(), "Absent", states[i].error().text(), false});
      continue;
    }
    answering.push_back(&one);
    std::ranges::move(states[i]->down, std::back_inserter(out));
    if (states[i]->api_answers && asked == nullptr) asked = &one;
  }
  if (asked == nullptr) return out;
  const auto& host = asked->host;
  const std::string name = asked->name();
  SEALIFT_ASSIGN(const auto artifacts, host::read_artifact_records(*host));
  for (const auto& artifact : artifacts) out.push_back(status_line(artifact));
  for (const auto* one : answering) SEALIFT_TRY(add_certificates(out, *one->host, one->name(), input.cancel));
  SEALIFT_TRY(add_balancer(out, *host, input.config, input.cancel));
  SEALIFT_TRY(add_etcd(out, *host, input.config, input.cancel));
  std::set<std::string> expected;
  for (const auto& config : input.config.hosts) {
    if (config.name) expected.insert(base::to_lower(*config.name));
  }
  const auto look = steps::look_at_cluster(*host, expected, input.cancel);
  if (!look && is_of_the_host(look.error().code)) return std::unexpected(look.error());
  if (!look) {  // it went down meanwhile: that is an answer too
    out.push_back(api_down(name, look.error()));
    return out;
  }
  for (const auto& judged : look->judged) out.push_back(status_line(judged));
  SEALIFT_TRY(add_missing(out, *host, artifacts, input.cancel));
  if (input.config.existing) return out;  // the name service is not ours, nor need a kubelet tell of it
  const auto service = steps::name_service(*host);
  if (!service) {
    out.push_back({"name service", "NotReady", service.error().text(), false});
    return out;
  }
  SEALIFT_ASSIGN(const auto trouble, steps::name_service_trouble(*host, *service));
  out.push_back({"name service " + service->server, trouble ? "NotReady" : "Ready",
                 trouble ? base::format("{}: {}", name, *trouble) : "", !trouble});
  return out;
}

}  // namespace sealift::delivery
