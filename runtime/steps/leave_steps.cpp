// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/leave_steps.h"

#include <algorithm>

#include "payload/base/format.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/etcd.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/pods_on_node.h"

namespace sealift::steps {
namespace {

using engine::StepState;

constexpr Duration kGrace{60'000};  // for kubectl to end by itself
// Whoever leaves etcd may have been its leader, and until five seconds after a member's last connection etcd refuses
// what could cost its majority ("unhealthy cluster": HealthInterval in etcd's server.go): both pass by themselves.
constexpr Duration kEtcdSettles{60'000};
constexpr Duration kUnderWay{3'000};  // requests take less, and balancers have stopped to send more

StepState done_if(bool done) { return done ? StepState::done : StepState::needed; }

Result<std::vector<PodOnNode>> look_at_pods(host::HostView& control_plane, const std::string& node,
                                            const CancelToken& cancel) {
  SEALIFT_ASSIGN(
      const auto pods,
      kubectl_get(control_plane,
                  {"get", "pods", "--all-namespaces", "--field-selector=spec.nodeName=" + node, "-o", "json"}, cancel));
  SEALIFT_ASSIGN(const auto list, json::parse(pods, kHostJson));
  // Only an explanation.
  const auto budgets =
      kubectl_get(control_plane, {"get", "poddisruptionbudgets", "--all-namespaces", "-o", "json"}, cancel);
  const auto read = budgets ? json::parse(*budgets, kHostJson) : Result<json::Value>();
  return pods_to_move(list, read ? *read : json::Value());
}

std::string stays_cordoned(const std::string& node) {
  return base::format("{0} stays cordoned: start the same command again to go on, or `kubectl uncordon {0}` to keep it",
                      node);
}

// kubectl's words for the end of its own --timeout, while it evicts and while it waits for pods to end.
bool is_late(const std::string& errors) {
  return errors.contains("global timeout reached") || errors.contains("drain did not complete within");
}

// The end of a wait for etcd, or for the API that works with it.
Result<void> with_remedy(Result<void> waited, const std::string& asked, const std::string& node) {
  if (waited || waited.error().code != ErrorCode::unhealthy) return waited;
  return fail(
      ErrorCode::unhealthy,
      "{}; {} is still in the cluster: see /var/log/pods/kube-system_etcd-* on {} and the other control planes, "
      "and start the same command again when etcd is well",
      waited.error().what, node, asked);
}

std::vector<EtcdMember> of_node(const std::vector<EtcdMember>& members, const std::string& name,
                                const std::string& ip) {
  std::vector<EtcdMember> out;
  std::ranges::copy_if(members, std::back_inserter(out),
                       [&](const EtcdMember& member) { return member.name == name || member.is_at(ip); });
  return out;
}

}  // namespace

LeaveStep::LeaveStep(std::string_view what, std::string asked, std::string node, std::string description, Digest inputs)
    : BasicStep(base::format("remove.{}.{}", what, node), std::move(description), inputs),
      asked_(std::move(asked)),
      node_(std::move(node)) {}

Result<std::shared_ptr<host::Host>> LeaveStep::asked(engine::StepContext& context) const {
  return context.others.connection(asked_, nullptr, context.cancel);
}

Result<std::shared_ptr<host::HostView>> LeaveStep::look(const engine::LookContext& context) const {
  return context.others.view(asked_, context.cancel);
}

Result<StepState> LeaveStep::done_without_node(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const auto control_plane, look(context));
  SEALIFT_ASSIGN(const auto object, kubectl_object(*control_plane, {"node", node_}, context.cancel));
  return done_if(!object);
}

DrainStep::DrainStep(std::string asked, std::string node, DrainOptions options)
    : LeaveStep(
          "drain", std::move(asked), node,
          base::format("drain {}: its pods go to other nodes (at most {} s)", node, options.timeout.count() / 1000),
          digest_of({"drain", node, std::to_string(options.timeout.count()), options.force ? "force" : ""})),
      options_(options) {}

Result<StepState> DrainStep::check(const engine::LookContext& context) { return done_without_node(context); }

// A job of an earlier run may have ended meanwhile, with a failure that says nothing about now.
Result<base::ExitStatus> DrainStep::drain(engine::StepContext& context, host::Host& control_plane) const {
  const std::string unit = "sealift-drain-" + node();
  auto command = kubectl({"drain", node(), "--ignore-daemonsets",
                          base::format("--timeout={}s", std::max<int64_t>(options_.timeout.count() / 1000, 1))});
  if (options_.force) command.argv.insert(command.argv.end(), {"--force", "--delete-emptydir-data"});
  command.timeout = options_.timeout + kGrace;
  SEALIFT_ASSIGN(const bool ended_before,
                 exists(control_plane, base::format("/run/sealift/jobs/{}/result.json", unit)));
  auto status = control_plane.run_job(unit, command, reason(), context.cancel);
  if (ended_before && status && !status->ok()) status = control_plane.run_job(unit, command, reason(), context.cancel);
  if (status && !status->ok() && !is_late(status->errors)) return fail(base::command_error(command, *status));
  return status;
}

Result<void> DrainStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, asked(context));
  SEALIFT_ASSIGN(const auto before, look_at_pods(*control_plane, node(), context.cancel));
  if (const std::string lost = losses(before); !lost.empty()) {
    if (!options_.force)
      return fail(ErrorCode::preflight,
                  "what would be lost on {}: {}; save it or move it, or start again with --force to lose it", node(),
                  lost);
    base::tell(context.events, Level::warning, base::format("lost on {} (--force): {}", node(), lost),
               context.host_name);
  }
  SEALIFT_TRY(kubectl_do(*control_plane, {"cordon", node()}, reason(), context.cancel));
  const auto status = drain(context, *control_plane);
  if (status && status->ok()) return {};
  if (!status && status.error().code != ErrorCode::command_failed) return fail(status.error());
  SEALIFT_ASSIGN(const auto left, look_at_pods(*control_plane, node(), context.cancel));
  // Came while the others went.
  if (const std::string lost = losses(left); !lost.empty() && !options_.force)
    return fail(ErrorCode::preflight, "what would be lost on {}: {}; save it or move it, or lose it with --force; {}",
                node(), lost, stays_cordoned(node()));
  if (!status) return fail(ErrorCode::command_failed, "{}; {}", status.error().text(), stays_cordoned(node()));
  if (left.empty()) return {};  // the last one went at the last moment
  std::string held = names_with_budgets(left);
  if (status->errors.contains("disruption budget") &&
      std::ranges::all_of(left, [](const PodOnNode& pod) { return pod.budgets.empty(); }))
    held += ", held by a PodDisruptionBudget";
  return fail(ErrorCode::unhealthy, "pods are left on {} after {} s: {}; {}", node(), options_.timeout.count() / 1000,
              held, stays_cordoned(node()));
}

LeaveEtcdStep::LeaveEtcdStep(std::string asked, std::string node, std::string ip)
    : LeaveStep("etcd", std::move(asked), node, base::format("take {} out of etcd", node),
                digest_of({"leave etcd", node, ip})),
      ip_(std::move(ip)) {}

Result<StepState> LeaveEtcdStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, look(context));
  const auto members = etcd_members(*control_plane, context.cancel);  // without an answer: apply() waits for one
  return done_if(members && of_node(*members, node(), ip_).empty());
}

// So that nobody who asks the API meanwhile notices: what is under way to this API server is answered while it still
// has an etcd, and etcd need not choose another leader first. Best effort: a failure costs an election.
void LeaveEtcdStep::leave_quietly(engine::StepContext& context, host::Host& control_plane) const {
  context.clock.sleep(kUnderWay);
  const auto members = etcd_members(control_plane, context.cancel);
  if (!members) return;
  const auto stays = std::ranges::find(*members, asked_name(), &EtcdMember::name);
  if (stays == members->end()) return;
  if (const auto done = hand_etcd_over(context.host, *stays, reason(), context.cancel); !done)
    base::tell(context.events, Level::info, "etcd has to choose another leader: " + done.error().text(),
               context.host_name);
}

Result<void> LeaveEtcdStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, asked(context));
  if (context.host_name == node()) leave_quietly(context, *control_plane);  // it lives
  const auto leave = [&](std::string&) -> Result<bool> {
    SEALIFT_ASSIGN(const auto members, etcd_members(*control_plane, context.cancel));
    for (const auto& member : of_node(members, node(), ip_))
      SEALIFT_TRY(remove_etcd_member(*control_plane, member, reason(), context.cancel));
    return true;
  };
  return with_remedy(
      wait_until(context, kEtcdSettles, ErrorCode::unhealthy, base::format("etcd does not let {} go", node()), leave),
      asked_name(), node());
}

ForgetNodeStep::ForgetNodeStep(std::string asked, std::string node)
    : LeaveStep("node", std::move(asked), node, base::format("take the node {} out of the cluster", node),
                digest_of({"forget", node})) {}

Result<StepState> ForgetNodeStep::check(const engine::LookContext& context) {
  return done_without_node(context).value_or(StepState::needed);  // without an answer: apply() waits for one
}

Result<void> ForgetNodeStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, asked(context));
  const auto forget = [&](std::string&) {
    return kubectl_do(*control_plane, {"delete", "node", node(), "--ignore-not-found"}, reason(), context.cancel)
        .transform([](const std::string&) { return true; });
  };
  return with_remedy(wait_until(context, kEtcdSettles, ErrorCode::unhealthy,
                                base::format("the API does not take the node {} out", node()), forget),
                     asked_name(), node());
}

}  // namespace sealift::steps
