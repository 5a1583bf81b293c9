// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kubeadm.h"

#include <algorithm>

#include "payload/base/text.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/sync.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kJoinConfiguration = "/run/sealift/kubeadm-join.yaml";
constexpr std::string_view kClusterData = "/var/lib/etcd/member";
constexpr Duration kInitTimeout{900'000};
constexpr Duration kJoinTimeout{600'000};

Result<bool> exists(host::HostView& host, std::string_view path) {
  return host.stat(std::string(path)).transform([](const auto& status) { return status.has_value(); });
}

Result<bool> is_running(host::HostView& host, const std::string& unit) {
  SEALIFT_ASSIGN(const auto state, host.unit(unit + ".service"));
  return state.active == "active" || state.active == "activating";
}

// True if a job of this name runs, or has ended without anybody taking its result: an earlier run began it.
Result<bool> is_pending(host::HostView& host, const std::string& unit) {
  SEALIFT_ASSIGN(const bool result, exists(host, std::format("/run/sealift/jobs/{}/result.json", unit)));
  return result ? Result<bool>(true) : is_running(host, unit);
}

// True if a power cut has taken the contents of something that kubeadm or the kubelet wrote here: they sync nothing,
// and neither of them ever writes an empty file.
Result<bool> lost_contents(host::HostView& host) {
  for (const std::string folder : {"/etc/kubernetes", "/etc/kubernetes/manifests", "/etc/kubernetes/pki", "/etc/kubernetes/pki/etcd", "/var/lib/kubelet", "/var/lib/kubelet/pki"}) {
    SEALIFT_ASSIGN(const auto names, host.list(folder));
    for (const auto& name : names) {
      SEALIFT_ASSIGN(const auto status, host.stat(folder + "/" + name));
      if (status && status->type == host::FileType::regular && status->size == 0) return true;
    }
  }
  return false;
}

Result<void> checked_job(engine::StepContext& context, const std::string& unit, const base::Command& command, const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto status, context.host.run_job(unit, command, reason, context.cancel));
  if (!status.ok()) return fail(base::command_error(command, status));
  return {};
}

// What a kubeadm that was killed in the middle leaves is taken away by kubeadm itself: no cluster came to stand on it.
Result<void> reset_remains(engine::StepContext& context, const format::BaseDocument& base, const host::Reason& reason) {
  const base::Command command{{"kubeadm", "reset", "--force", "--cri-socket", base.cri_socket}, {}, "/", Duration{300'000}};
  base::tell(context.events, Level::info, "an earlier attempt was interrupted; taking away what it left", context.host_name);
  return checked_job(context, "sealift-kubeadm-reset", command, reason);
}

// kubeadm's reset learns from etcd's manifest where its data is, and leaves it if a power cut has emptied that file.
Result<void> remove_cluster_data(engine::StepContext& context, const host::Reason& reason) {
  SEALIFT_ASSIGN(const bool left, exists(context.host, kClusterData));
  if (!left) return {};
  const base::Command command{{"rm", "-rf", "--one-file-system", "--", std::string(kClusterData)}, {}, "/", Duration{60'000}};
  SEALIFT_ASSIGN(const auto status, context.host.run(command, {}, reason, context.cancel));
  if (!status.ok()) return fail(base::command_error(command, status));
  return {};
}

}  // namespace

kube::KubeadmInput kubeadm_input(const Model& model) {
  kube::KubeadmInput out{model.base, model.config, {}, false, false};
  for (const auto& node : model.nodes) {
    if (node.is_control_plane()) out.control_plane_ips.push_back(node.ip);
    if (node.facts.cgroup_version == 1) out.cgroup_v1 = true;
    if (!node.is_control_plane()) out.has_workers = true;
  }
  // A worker that can't be reached today is still part of the cluster that is wanted.
  for (const auto& host : model.config.hosts) out.has_workers = out.has_workers || host.role == format::HostRole::worker;
  return out;
}

InitStep::InitStep(const Model& model, std::string documents)
    : BasicStep(std::string(kInitStep), std::format("kubeadm init: Kubernetes {} on {}", model.base.kubernetes_version, model.control_plane().name), digest_of({documents})),
      model_(model),
      documents_(std::move(documents)) {}

Result<engine::StepState> InitStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool admin, exists(context.host, kAdminKubeconfig));
  // A cluster is made once: other inputs later are not a reason to make another.
  SEALIFT_ASSIGN(const auto made, context.host.recorded(id()));
  if (admin) return made ? engine::StepState::done : engine::StepState::needed;
  SEALIFT_ASSIGN(const bool data, exists(context.host, kClusterData));
  // To begin anew would take a cluster's data away because one file of it is missing.
  if (made && data) {
    return fail(ErrorCode::not_found, "{} is gone from {}, which holds a cluster's data in {}; run `kubeadm init phase kubeconfig admin --config {}` there, then start again", kAdminKubeconfig,
                model_.control_plane().name, kClusterData, kInitConfiguration);
  }
  return engine::StepState::needed;
}

// kubeadm came to its end, whatever the ledger knows of it: its last phase puts the add-ons in.
Result<bool> InitStep::stands(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool admin, exists(context.host, kAdminKubeconfig));
  SEALIFT_ASSIGN(const bool lost, lost_contents(context.host));
  if (!admin || lost) return false;
  const auto proxy = kubectl_object(context.host, {"--namespace=kube-system", "daemonset", "kube-proxy"}, context.cancel);
  return proxy && *proxy;
}

// What an earlier kubeadm here was given, if there was one. With other documents it made, or was making, another cluster
// than is wanted.
Result<InitStep::Given> InitStep::given(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const auto given, context.host.read(std::string(kInitConfiguration), size_t{1} << 20));
  if (!given) return Given::nothing;
  return base::as_text(*given) == documents_ ? Given::these : Given::others;
}

Result<void> InitStep::clear(engine::StepContext& context, bool ours) const {
  for (const std::string_view path : {std::string_view("/etc/kubernetes/manifests/kube-apiserver.yaml"), std::string_view("/etc/kubernetes/pki/ca.key"), kClusterData}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    if (!there) continue;
    if (!ours) {
      return fail(ErrorCode::preflight, "{} holds {}, which no kubeadm that Sealift started has left ({} is not there); take that cluster away first, or use another host", context.host_name, path,
                  kInitConfiguration);
    }
    SEALIFT_TRY(reset_remains(context, model_.base, reason()));
    return remove_cluster_data(context, reason());
  }
  return {};
}

Result<void> InitStep::record(engine::StepContext& context) const {
  // What is recorded is never made again, so it must be on the disk first: kubeadm syncs nothing.
  SEALIFT_TRY(context.host.sync(written_paths(model_.control_plane()), reason()));
  // Read before anything else by later runs: another version's files must not come onto this host unasked.
  SEALIFT_TRY(context.host.record({std::string(kVersionRecord), model_.base.kubernetes_version}));
  return context.host.record(reason());
}

Result<void> InitStep::apply(engine::StepContext& context) {
  const std::string unit = "sealift-kubeadm-init";
  SEALIFT_ASSIGN(const Given earlier, given(context.looking()));
  const bool others = earlier == Given::others;
  SEALIFT_ASSIGN(const bool pending, others ? is_running(context.host, unit) : is_pending(context.host, unit));
  if (!pending) {
    SEALIFT_ASSIGN(const bool there_already, stands(context.looking()));
    // An earlier run died between the end of kubeadm and the ledger. With other wishes since, it is made anew: nothing
    // was put onto a cluster that the ledger does not know.
    if (there_already && earlier == Given::these) return record(context);
    SEALIFT_TRY(clear(context, earlier != Given::nothing));
  }
  base::MemorySource documents(base::as_bytes(documents_));
  SEALIFT_TRY(context.host.write_atomic(std::string(kInitConfiguration), {0600, 0, 0}, documents, reason()));
  base::Command command{{"kubeadm", "init", "--config", std::string(kInitConfiguration), "--skip-phases=show-join-command"}, {}, "/", kInitTimeout};
  for (auto& argument : kube::preflight_arguments(kubeadm_input(model_))) command.argv.push_back(std::move(argument));
  SEALIFT_TRY(checked_job(context, unit, command, reason()));
  return record(context);
}

ApiReadyStep::ApiReadyStep(const Model& model)
    : BasicStep("api.ready", "wait until the API server answers", digest_of({"ready", model.control_plane().ip})) {}

Result<engine::StepState> ApiReadyStep::check(const engine::LookContext& context) {
  const auto ready = kubectl_get(context.host, {"get", "--raw", "/readyz"}, context.cancel);
  return ready ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ApiReadyStep::apply(engine::StepContext& context) {
  return wait_until(context, Duration{240'000}, ErrorCode::unhealthy, "the API server does not answer", [&](std::string&) {
    return kubectl_get(context.host, {"get", "--raw", "/readyz"}, context.cancel).transform([](const std::string&) { return true; });
  });
}

JoinStep::JoinStep(const Model& model, const Node& node)
    : BasicStep(std::string(kJoinStep), std::format("kubeadm join: {} becomes a worker", node.name), digest_of({"join", node.name, node.ip})),
      model_(model),
      node_(node) {}

Result<engine::StepState> JoinStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, "/etc/kubernetes/kubelet.conf"));
  if (!joined) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto made, context.host.recorded(id()));
  return made ? engine::StepState::done : engine::StepState::needed;
}

// kubeadm came to its end, whatever the ledger knows of it: it takes the bootstrap file away when the kubelet has its own.
Result<bool> JoinStep::stands(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool joined, exists(context.host, "/etc/kubernetes/kubelet.conf"));
  SEALIFT_ASSIGN(const bool bootstrap, exists(context.host, "/etc/kubernetes/bootstrap-kubelet.conf"));
  SEALIFT_ASSIGN(const bool lost, lost_contents(context.host));
  SEALIFT_ASSIGN(const auto kubelet, context.host.unit("kubelet.service"));
  return joined && !bootstrap && !lost && kubelet.active == "active";
}

// The token goes with the record: what is recorded is never looked at again.
Result<void> JoinStep::record(engine::StepContext& context) const {
  SEALIFT_TRY(context.host.remove(std::string(kJoinConfiguration), reason()));
  SEALIFT_TRY(context.host.sync(written_paths(node_), reason()));  // as for init
  return context.host.record(reason());
}

Result<void> JoinStep::write_configuration(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, context.others.connection(model_.control_plane().name, nullptr, context.cancel));
  const base::Command create{{"kubeadm", std::format("--kubeconfig={}", kAdminKubeconfig), "token", "create", "--ttl", "15m", "--print-join-command"}, {}, "/", Duration{120'000}};
  SEALIFT_ASSIGN(auto status, control_plane->run(create, {}, reason(), context.cancel));
  if (!status.ok()) return fail(Error{ErrorCode::command_failed, std::format("{} ended with code {}: {}", create.text(), status.code, base::trim(status.errors)), {}});
  SEALIFT_ASSIGN(const auto token, kube::parse_join_command(status.output));
  explicit_bzero(status.output.data(), status.output.size());
  SEALIFT_ASSIGN(const auto document, kube::join_document(kubeadm_input(model_), {node_.name, node_.ip, node_.config.taints}, token));
  base::MemorySource source(base::as_bytes(document.reveal()));
  return context.host.write_atomic(std::string(kJoinConfiguration), {0600, 0, 0}, source, reason());
}

Result<void> JoinStep::apply(engine::StepContext& context) {
  const std::string unit = "sealift-kubeadm-join";
  SEALIFT_ASSIGN(const bool pending, is_pending(context.host, unit));
  if (!pending) {
    SEALIFT_ASSIGN(const bool there_already, stands(context.looking()));
    if (there_already) return record(context);  // an earlier run died between the end of kubeadm and the ledger
    bool remains = false;
    for (const auto* path : {"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/pki/ca.crt"}) {
      SEALIFT_ASSIGN(const bool there, exists(context.host, path));
      remains = remains || there;
    }
    if (remains) {
      SEALIFT_TRY(reset_remains(context, model_.base, reason()));
      SEALIFT_ASSIGN(const auto control_plane, context.others.connection(model_.control_plane().name, nullptr, context.cancel));
      SEALIFT_TRY(kubectl_do(*control_plane, {"delete", "node", node_.name, "--ignore-not-found"}, reason(), context.cancel));
    }
    SEALIFT_TRY(write_configuration(context));
  }
  base::Command command{{"kubeadm", "join", "--config", std::string(kJoinConfiguration)}, {}, "/", kJoinTimeout};
  for (auto& argument : kube::preflight_arguments(kubeadm_input(model_))) command.argv.push_back(std::move(argument));
  auto joined = checked_job(context, unit, command, reason());
  if (joined) return record(context);
  // The token goes in any case; a connection that is lost here leaves it to the next run, and to its 15 minutes.
  (void)context.host.remove(std::string(kJoinConfiguration), reason());
  return joined;
}

}  // namespace sealift::steps
