// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/control_plane_step.h"

#include <algorithm>

#include "payload/base/format.h"
#include "runtime/steps/etcd.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {

Result<void> own_api_server_answers(host::HostView& control_plane, uint16_t port, const CancelToken& cancel) {
  return kubectl_get(control_plane, {base::format("--server=https://127.0.0.1:{}", port), "get", "--raw", "/readyz"},
                     cancel)
      .transform([](const std::string&) {});
}

ControlPlaneReadyStep::ControlPlaneReadyStep(const Model& model, const Node& node)
    : BasicStep("control-plane.ready",
                base::format("wait until {}its API server answers",
                             model.config.external_etcd ? std::string() : node.name + " votes in etcd and "),
                digest_of({node.name, node.ip})),
      node_(node),
      has_etcd_(!model.config.external_etcd),
      port_(model.config.api.port) {}

Result<bool> ControlPlaneReadyStep::votes(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const auto members, etcd_members(context.host, context.cancel));
  const auto own = std::ranges::find_if(members, [&](const EtcdMember& member) { return member.is_at(node_.ip); });
  return own != members.end() && !own->name.empty() && !own->is_learner;
}

Result<bool> ControlPlaneReadyStep::ready(const engine::LookContext& context, std::string& message) const {
  SEALIFT_ASSIGN(const bool in_etcd, has_etcd_ ? votes(context) : Result<bool>(true));
  if (!in_etcd) {
    message = "it does not vote in etcd yet";
    return false;
  }
  message = "its API server is not ready";
  SEALIFT_TRY(own_api_server_answers(context.host, port_, context.cancel));
  return true;
}

Result<engine::StepState> ControlPlaneReadyStep::check(const engine::LookContext& context) {
  std::string message;
  const auto now = ready(context, message);
  return now && *now ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ControlPlaneReadyStep::apply(engine::StepContext& context) {
  auto waited = wait_until(context, Duration{300'000}, ErrorCode::unhealthy,
                           base::format("the control plane {} is not ready", node_.name),
                           [&](std::string& message) { return ready(context.looking(), message); });
  if (!waited && waited.error().code == ErrorCode::unhealthy)
    waited.error().what += base::format(
        "; on {} see `journalctl -u kubelet` and /var/log/pods/kube-system_*, and start the same command again when "
        "it is well",
        node_.name);
  return waited;
}

}  // namespace sealift::steps
