// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kubeadm_step.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kKubeletDirectory = "/var/lib/kubelet";
constexpr Duration kResetTimeout{300'000};

// The mount points below a directory in /proc/self/mounts (second field).
std::vector<std::string> mounts_below(std::string_view mounts, std::string_view directory) {
  std::vector<std::string> out;
  for (const auto line : base::split(mounts, '\n')) {
    const auto fields = base::split(line, ' ');
    if (fields.size() > 1 && fields[1].starts_with(std::string(directory) + "/")) out.emplace_back(fields[1]);
  }
  std::ranges::sort(out);
  return out;
}

// Announces to the ledger what a node makes without a call of ours, before it exists.
Result<void> announce_node(engine::StepContext& context, const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto mounts, context.host.read("/proc/self/mounts", size_t{4} << 20));
  SEALIFT_TRY(
      context.host.announce(host::MountsMade{std::string(kKubeletDirectory),
                                             mounts_below(mounts ? base::as_text(*mounts) : "", kKubeletDirectory)},
                            reason));
  SEALIFT_ASSIGN(auto interfaces, context.host.list("/sys/class/net"));
  return context.host.announce(host::InterfacesMade{std::move(interfaces)}, reason);
}

}  // namespace

kube::KubeadmInput kubeadm_input(const Model& model) {
  kube::KubeadmInput out{model.base, model.config, {}, false, false};
  for (const auto* node : model.control_planes()) out.control_plane_ips.push_back(node->ip);
  out.cgroup_v1 = std::ranges::any_of(model.nodes, [](const Node& node) { return node.facts.cgroup_version == 1; });
  // Of the configuration: a worker that is unreachable today still belongs to the wanted cluster.
  out.has_workers = std::ranges::contains(model.config.hosts, format::HostRole::worker, &config::HostConfig::role);
  return out;
}

Result<bool> lost_contents(host::HostView& host) {
  for (const std::string folder : {"/etc/kubernetes", "/etc/kubernetes/manifests", "/etc/kubernetes/pki",
                                   "/etc/kubernetes/pki/etcd", "/var/lib/kubelet", "/var/lib/kubelet/pki"}) {
    SEALIFT_ASSIGN(const auto names, host.list(folder));
    for (const auto& name : names) {
      SEALIFT_ASSIGN(const auto status, host.stat(folder + "/" + name));
      if (status && status->type == host::FileType::regular && status->size == 0) return true;
    }
  }
  return false;
}

KubeadmStep::KubeadmStep(engine::StepId id, std::string description, Digest inputs, const Model& model,
                         std::string unit, Duration timeout)
    : BasicStep(std::move(id), std::move(description), inputs),
      model_(model),
      unit_(std::move(unit)),
      timeout_(timeout) {}

Result<bool> KubeadmStep::is_running(host::HostView& host) const {
  SEALIFT_ASSIGN(const auto state, host.unit(unit_ + ".service"));
  return is_at_work(state);
}

Result<bool> KubeadmStep::pending(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const bool result, exists(context.host, base::format("/run/sealift/jobs/{}/result.json", unit_)));
  return result ? Result<bool>(true) : is_running(context.host);
}

Result<void> KubeadmStep::reset(engine::StepContext& context) const {
  const base::Command command{
      {"kubeadm", "reset", "--force", "--cri-socket", model_.base.cri_socket}, {}, "/", kResetTimeout};
  base::tell(context.events, Level::info, "an earlier attempt was interrupted; removing what it left",
             context.host_name);
  SEALIFT_TRY(
      base::output_of(command, context.host.run_job("sealift-kubeadm-reset", command, reason(), context.cancel)));
  // What lies there then is another etcd's, perhaps the site's own.
  if (model_.config.external_etcd) return {};
  // kubeadm reads the location of etcd's data from etcd's manifest, and keeps the data if a power cut emptied that
  // file.
  SEALIFT_ASSIGN(const bool left, exists(context.host, kClusterData));
  if (!left) return {};
  const base::Command removal{
      {"rm", "-rf", "--one-file-system", "--", std::string(kClusterData)}, {}, "/", Duration{60'000}};
  return base::output_of(removal, context.host.run(removal, {}, reason(), context.cancel))
      .transform([](const std::string&) {});
}

Result<void> KubeadmStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const bool earlier, pending(context.looking()));
  if (!earlier) {
    SEALIFT_ASSIGN(const bool there_already, stands(context.looking()));
    if (there_already) return record(context);
    SEALIFT_TRY(take_away_remains(context));
    SEALIFT_TRY(announce_node(context, reason()));
    SEALIFT_TRY(configure(context));
  }
  base::Command command{this->command(), {}, "/", timeout_};
  for (auto& argument : kube::preflight_arguments(kubeadm_input(model_))) command.argv.push_back(std::move(argument));
  CancelSource ended(context.cancel);
  auto beside = Thread::start([&] { meanwhile(context, ended.token()); });
  auto done = base::output_of(command, context.host.run_job(unit_, command, reason(), context.cancel));
  ended.cancel();
  if (beside) beside->join();
  if (done) return record(context);
  failed(context);
  return std::unexpected(std::move(done).error());
}

}  // namespace sealift::steps
