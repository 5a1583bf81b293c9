// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/join_step.h"

#include <algorithm>
#include <array>

#include "payload/base/clock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/control_plane_step.h"
#include "runtime/steps/etcd.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/secret_files.h"
#include "runtime/steps/sync.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kJoinConfiguration = "/run/sealift/kubeadm-join.yaml";
constexpr std::string_view kKubeletConfiguration = "/etc/kubernetes/kubelet.conf";
constexpr std::string_view kBootstrapConfiguration = "/etc/kubernetes/bootstrap-kubelet.conf";
constexpr std::string_view kApiServer = "/etc/kubernetes/manifests/kube-apiserver.yaml";
constexpr Duration kJoinTimeout{600'000};
constexpr Duration kLookEvery{1'000}, kShortly{100};
constexpr Duration kEtcdSettles{60'000};  // after an election, or a member that has gone

// What `kubeadm join` needs on a control plane before it begins; of etcd only if that is the cluster's own. Source:
// kubeadm, "Manual certificate distribution".
const auto kClusterKeys = std::to_array<SecretFile>({{"/etc/kubernetes/pki/ca.crt", 0644},
                                                     {"/etc/kubernetes/pki/ca.key"},
                                                     {"/etc/kubernetes/pki/sa.pub"},
                                                     {"/etc/kubernetes/pki/sa.key"},
                                                     {"/etc/kubernetes/pki/front-proxy-ca.crt", 0644},
                                                     {"/etc/kubernetes/pki/front-proxy-ca.key"}});
const auto kEtcdKeys =
    std::to_array<SecretFile>({{"/etc/kubernetes/pki/etcd/ca.crt", 0644}, {"/etc/kubernetes/pki/etcd/ca.key"}});

}  // namespace

JoinStep::JoinStep(const Model& model, const Node& node)
    : KubeadmStep(std::string(kJoinStep),
                  base::format("kubeadm join: {} becomes a {}", node.name,
                               node.is_control_plane() ? "control plane" : "worker"),
                  digest_of({"join", node.name, node.ip}), model, "sealift-kubeadm-join", kJoinTimeout),
      node_(node) {}

Result<engine::StepState> JoinStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, kKubeletConfiguration));
  if (!joined) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto made, context.host.recorded(id()));
  // One that made the cluster belongs to it, whichever is the first now.
  SEALIFT_ASSIGN(const auto founded, context.host.recorded(std::string(kInitStep)));
  return made || founded ? engine::StepState::done : engine::StepState::needed;
}

// The last thing that kubeadm does with a control plane.
Result<bool> JoinStep::is_marked(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool admin, exists(context.host, kAdminKubeconfig));
  SEALIFT_ASSIGN(const bool server, exists(context.host, kApiServer));
  if (!admin || !server) return false;
  SEALIFT_ASSIGN(const auto control_plane, context.others.view(model().any_control_plane().name, context.cancel));
  SEALIFT_ASSIGN(const auto node, kubectl_object(*control_plane, {"node", node_.name}, context.cancel));
  const auto* labels = node ? node->at_path("metadata/labels") : nullptr;
  return labels != nullptr && labels->find("node-role.kubernetes.io/control-plane") != nullptr;
}

// kubeadm removes the bootstrap file once the kubelet has its own.
Result<bool> JoinStep::stands(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, kKubeletConfiguration));
  SEALIFT_ASSIGN(const bool bootstrap, exists(context.host, kBootstrapConfiguration));
  SEALIFT_ASSIGN(const bool lost, lost_contents(context.host));
  SEALIFT_ASSIGN(const auto kubelet, context.host.unit("kubelet.service"));
  if (!joined || bootstrap || lost || kubelet.active != "active") return false;
  return node_.is_control_plane() ? is_marked(context) : true;
}

Result<void> JoinStep::take_away_remains(engine::StepContext& context) const {
  std::vector<std::string_view> paths{kKubeletConfiguration, kBootstrapConfiguration, kApiServer};
  if (!model().config.external_etcd) paths.push_back(kClusterData);
  // On a control plane it may be one of the keys that were brought, which are no reason for a reset.
  if (!node_.is_control_plane()) paths.emplace_back("/etc/kubernetes/pki/ca.crt");
  bool remains = false;
  for (const auto path : paths) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    remains = remains || there;
  }
  if (!remains) return {};
  if (node_.name == model().any_control_plane().name)
    return fail(ErrorCode::not_found,
                "{} is gone from {}, which is the control plane that the others would join; put it back from a backup, "
                "then start again",
                kKubeletConfiguration, node_.name);
  // As long as something remains here, the next run does this again.
  SEALIFT_TRY(forget(context));
  return reset(context);
}

// What the cluster knows of an attempt that was interrupted: the node, and a member of etcd that will never start.
Result<void> JoinStep::forget(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto control_plane,
                 context.others.connection(model().any_control_plane().name, nullptr, context.cancel));
  const auto leave = [&](std::string&) -> Result<bool> {
    SEALIFT_ASSIGN(const auto members, etcd_members(*control_plane, context.cancel));
    for (const auto& member : members) {
      if (member.is_at(node_.ip)) SEALIFT_TRY(remove_etcd_member(*control_plane, member, reason(), context.cancel));
    }
    return true;
  };
  if (node_.is_control_plane() && !model().config.external_etcd)
    SEALIFT_TRY(wait_until(context, kEtcdSettles, ErrorCode::unhealthy,
                           base::format("etcd does not let go what an interrupted join of {} left", node_.name),
                           leave));
  return kubectl_do(*control_plane, {"delete", "node", node_.name, "--ignore-not-found"}, reason(), context.cancel)
      .transform([](const std::string&) {});
}

Result<void> JoinStep::configure(engine::StepContext& context) const {
  const auto& from = model().any_control_plane().name;
  SEALIFT_ASSIGN(const auto control_plane, context.others.connection(from, nullptr, context.cancel));
  if (node_.is_control_plane()) {
    SEALIFT_TRY(bring_files(*control_plane, from, context.host, kClusterKeys, reason()));
    if (!model().config.external_etcd)
      SEALIFT_TRY(bring_files(*control_plane, from, context.host, kEtcdKeys, reason()));
  }
  const base::Command create{{"kubeadm", base::format("--kubeconfig={}", kAdminKubeconfig), "token", "create", "--ttl",
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
                 kube::join_document(kubeadm_input(model()),
                                     {node_.name, node_.ip, node_.config.taints, node_.is_control_plane()}, token));
  base::MemorySource source(base::as_bytes(document.reveal()));
  return context.host.write_atomic(std::string(kJoinConfiguration), {0600, 0, 0}, source, reason());
}

std::vector<std::string> JoinStep::command() const {
  return {"kubeadm", "join", "--config", std::string(kJoinConfiguration)};
}

// Its kubelet asks nobody but its own API server (kubeadm's ControlPlaneKubeletLocalMode), which comes up last. Refused
// until then, its certificate, its node and all that it watches wait in back-offs of up to 30 s: it begins anew as soon
// as it can be answered.
void JoinStep::meanwhile(engine::StepContext& context, const CancelToken& ended) const {
  if (!node_.is_control_plane()) return;
  for (;;) {
    for (Duration waited{0}; waited < kLookEvery; waited += kShortly) {
      base::system_clock().sleep(kShortly);  // beside a program that takes its real time
      if (ended.cancelled()) return;
    }
    const auto begun = exists(context.host, kApiServer);
    if (!begun || !*begun || !own_api_server_answers(context.host, model().config.api.port, ended)) continue;
    (void)context.host.unit_action("kubelet.service", host::UnitAction::restart, reason());
    return;
  }
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
  // As on the first one: later runs read this before anything else.
  if (node_.is_control_plane())
    SEALIFT_TRY(context.host.record({std::string(kVersionRecord), model().base.kubernetes_version}));
  return context.host.record(reason());
}

}  // namespace sealift::steps
