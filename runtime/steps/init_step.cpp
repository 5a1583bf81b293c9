// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/init_step.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/sync.h"

namespace sealift::steps {
namespace {

constexpr Duration kInitTimeout{900'000};

}  // namespace

Result<bool> has_begun_with(host::HostView& host, const std::vector<std::string>& endpoints) {
  SEALIFT_ASSIGN(const auto given, host.read(std::string(kInitConfiguration), size_t{1} << 20));
  const auto documents = yaml::parse(given ? base::as_text(*given) : std::string_view(), kInitConfiguration);
  if (!documents) return false;
  for (const auto& document : *documents) {
    const auto* list = document.at_path("etcd/external/endpoints");
    if (list == nullptr) continue;
    return std::ranges::equal(list->items, endpoints, {}, &yaml::Node::text);
  }
  return false;
}

InitStep::InitStep(const Model& model, const Node& node, std::string documents)
    : KubeadmStep(std::string(kInitStep),
                  base::format("kubeadm init: Kubernetes {} on {}", model.base.kubernetes_version, node.name),
                  digest_of({documents}), model, "sealift-kubeadm-init", kInitTimeout),
      node_(node),
      documents_(std::move(documents)) {}

Result<engine::StepState> InitStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool admin, exists(context.host, kAdminKubeconfig));
  // A cluster is made once: changed inputs are no reason to make another.
  SEALIFT_ASSIGN(const auto made, context.host.recorded(id()));
  if (admin) return made ? engine::StepState::done : engine::StepState::needed;
  SEALIFT_ASSIGN(const bool own_data, exists(context.host, kClusterData));
  const bool in_etcd_of_site = model().config.external_etcd.has_value();
  // Starting over would delete a cluster's data because one file is missing.
  if (made && (own_data || in_etcd_of_site)) {
    return fail(
        ErrorCode::not_found,
        "{} is gone from {}, which holds a cluster's data in {}; run `kubeadm init phase kubeconfig admin --config {}` there, then start again",
        kAdminKubeconfig, node_.name, in_etcd_of_site ? "the site's etcd" : kClusterData, kInitConfiguration);
  }
  return engine::StepState::needed;
}

// The input of an earlier kubeadm here, if any. With other documents it made, or was making, a different cluster.
Result<InitStep::Given> InitStep::given(host::HostView& host) const {
  SEALIFT_ASSIGN(const auto given, host.read(std::string(kInitConfiguration), size_t{1} << 20));
  if (!given) return Given::nothing;
  return base::as_text(*given) == documents_ ? Given::these : Given::others;
}

// The result of a kubeadm with other documents is useless; one still running is in the way.
Result<bool> InitStep::pending(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const Given earlier, given(context.host));
  return earlier == Given::others ? is_running(context.host) : KubeadmStep::pending(context);
}

// kubeadm's last phase installs the add-ons. If the wishes have changed since, the cluster is made again: nothing has
// been installed on a cluster that the ledger does not know.
Result<bool> InitStep::stands(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const Given earlier, given(context.host));
  SEALIFT_ASSIGN(const bool admin, exists(context.host, kAdminKubeconfig));
  SEALIFT_ASSIGN(const bool lost, lost_contents(context.host));
  if (earlier != Given::these || !admin || lost) return false;
  const auto proxy =
      kubectl_object(context.host, {"--namespace=kube-system", "daemonset", "kube-proxy"}, context.cancel);
  return proxy && *proxy;
}

Result<void> InitStep::take_away_remains(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const Given earlier, given(context.host));
  std::vector<std::string_view> paths{"/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/pki/ca.key"};
  if (!model().config.external_etcd) paths.push_back(kClusterData);
  for (const auto path : paths) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    if (!there) continue;
    if (earlier == Given::nothing) {
      return fail(
          ErrorCode::preflight,
          "{} holds {}, which no kubeadm that Sealift started has left ({} is not there); remove that cluster first, or use another host",
          context.host_name, path, kInitConfiguration);
    }
    return reset(context);
  }
  return {};
}

// The site's etcd: an attempt that was cut has filled it, and it was empty before that one. The manifest that names it
// is gone by now.
Result<void> InitStep::prepare_etcd(engine::StepContext& context) const {
  const auto& etcd = model().config.external_etcd;
  if (!etcd) return {};
  SEALIFT_ASSIGN(const bool begun, has_begun_with(context.host, etcd->endpoints));
  if (!begun) return check_etcd_is_empty(context.host, model(), context.cancel);
  return clear_etcd(context.host, {etcd->endpoints, kube::etcd_prefix_of(kubeadm_input(model()))}, reason(),
                    context.cancel);
}

Result<void> InitStep::configure(engine::StepContext& context) const {
  SEALIFT_TRY(prepare_etcd(context));
  base::MemorySource documents(base::as_bytes(documents_));
  return context.host.write_atomic(std::string(kInitConfiguration), {0600, 0, 0}, documents, reason());
}

std::vector<std::string> InitStep::command() const {
  return {"kubeadm", "init", "--config", std::string(kInitConfiguration), "--skip-phases=show-join-command"};
}

Result<void> InitStep::record(engine::StepContext& context) const {
  SEALIFT_TRY(context.host.sync(written_paths(node_), reason()));
  // Later runs read this before anything else: another version's files must not get onto this host unasked.
  SEALIFT_TRY(context.host.record({std::string(kVersionRecord), model().base.kubernetes_version}));
  return context.host.record(reason());
}

}  // namespace sealift::steps
