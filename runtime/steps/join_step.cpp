// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/join_step.h"

#include <algorithm>

#include "payload/base/text.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/sync.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kJoinConfiguration = "/run/sealift/kubeadm-join.yaml";
constexpr std::string_view kKubeletConfiguration = "/etc/kubernetes/kubelet.conf";
constexpr std::string_view kBootstrapConfiguration = "/etc/kubernetes/bootstrap-kubelet.conf";
constexpr Duration kJoinTimeout{600'000};

}  // namespace

JoinStep::JoinStep(const Model& model, const Node& node)
    : KubeadmStep(std::string(kJoinStep), std::format("kubeadm join: {} becomes a worker", node.name),
                  digest_of({"join", node.name, node.ip}), model, "sealift-kubeadm-join", kJoinTimeout),
      node_(node) {}

Result<engine::StepState> JoinStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, kKubeletConfiguration));
  if (!joined) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto made, context.host.recorded(id()));
  return made ? engine::StepState::done : engine::StepState::needed;
}

// kubeadm removes the bootstrap file once the kubelet has its own.
Result<bool> JoinStep::stands(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, kKubeletConfiguration));
  SEALIFT_ASSIGN(const bool bootstrap, exists(context.host, kBootstrapConfiguration));
  SEALIFT_ASSIGN(const bool lost, lost_contents(context.host));
  SEALIFT_ASSIGN(const auto kubelet, context.host.unit("kubelet.service"));
  return joined && !bootstrap && !lost && kubelet.active == "active";
}

Result<void> JoinStep::take_away_remains(engine::StepContext& context) const {
  bool remains = false;
  for (const auto path :
       {kKubeletConfiguration, kBootstrapConfiguration, std::string_view("/etc/kubernetes/pki/ca.crt")}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    remains = remains || there;
  }
  if (!remains) return {};
  SEALIFT_TRY(reset(context));
  SEALIFT_ASSIGN(const auto control_plane,
                 context.others.connection(model().any_control_plane().name, nullptr, context.cancel));
  return kubectl_do(*control_plane, {"delete", "node", node_.name, "--ignore-not-found"}, reason(), context.cancel)
      .transform([](const std::string&) {});
}

Result<void> JoinStep::configure(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto control_plane,
                 context.others.connection(model().any_control_plane().name, nullptr, context.cancel));
  const base::Command create{{"kubeadm", std::format("--kubeconfig={}", kAdminKubeconfig), "token", "create", "--ttl",
                              "15m", "--print-join-command"},
                             {},
                             "/",
                             Duration{120'000}};
  SEALIFT_ASSIGN(auto status, control_plane->run(create, {}, reason(), context.cancel));
  // Only its error output: its output is the token.
  if (!status.ok())
    return fail(ErrorCode::command_failed, "{} ended with code {}: {}", create.text(), status.code,
                base::trim(status.errors));
  SEALIFT_ASSIGN(const auto token, kube::parse_join_command(status.output));
  explicit_bzero(status.output.data(), status.output.size());
  SEALIFT_ASSIGN(const auto document,
                 kube::join_document(kubeadm_input(model()), {node_.name, node_.ip, node_.config.taints}, token));
  base::MemorySource source(base::as_bytes(document.reveal()));
  return context.host.write_atomic(std::string(kJoinConfiguration), {0600, 0, 0}, source, reason());
}

std::vector<std::string> JoinStep::command() const {
  return {"kubeadm", "join", "--config", std::string(kJoinConfiguration)};
}

// Removes the token in any case; if the connection is lost here, the next run does, and the token expires after 15
// minutes.
void JoinStep::failed(engine::StepContext& context) const {
  (void)context.host.remove(std::string(kJoinConfiguration), reason());
}

// The token is removed before the record: recorded work is never looked at again.
Result<void> JoinStep::record(engine::StepContext& context) const {
  SEALIFT_TRY(context.host.remove(std::string(kJoinConfiguration), reason()));
  SEALIFT_TRY(context.host.sync(written_paths(node_), reason()));
  return context.host.record(reason());
}

}  // namespace sealift::steps
