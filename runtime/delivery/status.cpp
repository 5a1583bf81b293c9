// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "payload/base/count.h"
#include "payload/base/text.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/control_plane_state.h"
#include "runtime/delivery/delivery.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/health_step.h"

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

}  // namespace

Result<std::vector<StatusLine>> status(Input& input) {
  SEALIFT_ASSIGN(const auto control_plane, a_control_plane(input.config));
  SEALIFT_ASSIGN(const auto host, look_at_control_plane(input, control_plane));
  const std::string name = control_plane.name.value_or(control_plane.address);
  SEALIFT_ASSIGN(auto state, look_at_state(*host, name, input.cancel));
  auto out = std::move(state.down);
  if (!state.api_answers) return out;
  SEALIFT_ASSIGN(const auto artifacts, host::read_artifact_records(*host));
  for (const auto& artifact : artifacts) out.push_back(status_line(artifact));
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
  const auto service = steps::name_service(*host);
  if (!service) {
    out.push_back({"name service", "NotReady", service.error().text(), false});
    return out;
  }
  SEALIFT_ASSIGN(const auto trouble, steps::name_service_trouble(*host, *service));
  out.push_back({"name service " + service->server, trouble ? "NotReady" : "Ready",
                 trouble ? std::format("{}: {}", name, *trouble) : "", !trouble});
  return out;
}

}  // namespace sealift::delivery
