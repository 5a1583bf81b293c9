// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/delivery.h"

#include <algorithm>

#include "payload/base/text.h"
#include "payload/yaml/node.h"
#include "runtime/engine/read_only_host.h"
#include "runtime/engine/runner.h"
#include "runtime/steps/build_plan.h"
#include "runtime/steps/cluster.h"
#include "runtime/steps/control_plane_state.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/survey.h"

namespace sealift::steps {
namespace {

class PoolPeers final : public Peers {
 public:
  explicit PoolPeers(engine::HostConnections& connections) : connections_(connections) {}
  Result<std::shared_ptr<host::Host>> host(const std::string& node, const CancelToken& cancel) override {
    return connections_.connection(node, nullptr, cancel);
  }

 private:
  engine::HostConnections& connections_;
};

HostOutcome::State state_of(engine::HostOutcome outcome) {
  switch (outcome) {
    case engine::HostOutcome::delivered: return HostOutcome::State::done;
    case engine::HostOutcome::aside: return HostOutcome::State::aside;
    case engine::HostOutcome::unfinished: return HostOutcome::State::unfinished;
    case engine::HostOutcome::failed:
    case engine::HostOutcome::interrupted: return HostOutcome::State::failed;
  }
  return HostOutcome::State::failed;
}

Outcome to_outcome(const engine::RunSummary& summary, const Survey& survey, const config::ClusterConfig& config) {
  Outcome out;
  out.error = summary.error();
  for (const auto& host : summary.hosts) {
    const auto node = std::ranges::find(survey.model->nodes, host.host, &Node::name);
    HostOutcome outcome;
    outcome.name = host.host;
    if (node != survey.model->nodes.end()) {
      outcome.address = node->config.address;
      outcome.role = node->config.role;
    }
    outcome.state = state_of(host.outcome);
    if (host.error) outcome.reason = host.error->text();
    outcome.applied = host.done;
    outcome.skipped = host.skipped;
    out.applied += host.done;
    out.skipped += host.skipped;
    out.hosts.push_back(std::move(outcome));
  }
  for (const auto& [address, error] : survey.aside) {
    const auto host = std::ranges::find(config.hosts, address, &config::HostConfig::address);
    out.hosts.push_back({address, host->name.value_or(address), host->role, HostOutcome::State::aside, error.text(), 0, 0});
  }
  if (!survey.aside.empty() && !out.error) {
    out.error = Error{ErrorCode::partial, std::format("{} of {} hosts could not be reached and were left out; run again when they are there", survey.aside.size(), config.hosts.size()), {}};
  }
  if (const auto note = upstreams(*survey.model).note; !note.empty()) out.notes.push_back(note);
  return out;
}

// The control plane alone, looked at: for status and kubeconfig.
Result<std::shared_ptr<host::Host>> look_at_control_plane(DeliveryInput& input) {
  std::vector<config::HostConfig> hosts;
  std::ranges::copy_if(input.config.hosts, std::back_inserter(hosts), [](const config::HostConfig& host) { return host.role == format::HostRole::control_plane; });
  auto connections = input.connector.connect(hosts, Purpose::look);
  if (connections.empty()) return fail(ErrorCode::invalid_config, "no host has the role control-plane");
  if (!connections.front().host) return std::unexpected(connections.front().host.error());
  std::shared_ptr<host::Host> out(std::move(*connections.front().host));
  SEALIFT_ASSIGN(const auto admin, out->stat(std::string(kAdminKubeconfig)));
  if (!admin) return fail(ErrorCode::not_found, "there is no cluster on {} yet; deliver it with --config", hosts.front().address);
  return out;
}

std::string condition_of(const json::Value& object, std::string_view type, std::string_view field) {
  const auto* conditions = object.at_path("status/conditions");
  if (conditions == nullptr || !conditions->is_array()) return {};
  for (const auto& condition : *conditions->elements()) {
    if (condition.text_or("type", "") == type) return condition.text_or(field, "");
  }
  return {};
}

std::string text_at(const json::Value& object, std::string_view path) {
  const auto* value = object.at_path(path);
  return value == nullptr || value->string() == nullptr ? std::string() : *value->string();
}

StatusLine node_status(const json::Value& node) {
  const bool ready = condition_of(node, "Ready", "status") == "True";
  std::string address;
  if (const auto* addresses = node.at_path("status/addresses"); addresses != nullptr && addresses->is_array()) {
    for (const auto& entry : *addresses->elements()) {
      if (entry.text_or("type", "") == "InternalIP") address = entry.text_or("address", "");
    }
  }
  StatusLine line{"node " + text_at(node, "metadata/name"), ready ? "Ready" : "NotReady", text_at(node, "status/nodeInfo/kubeletVersion") + " " + address, ready};
  if (!ready) line.detail += " " + condition_of(node, "Ready", "message");
  return line;
}

// The workloads of all namespaces, by the numbers that their controllers keep.
StatusLine workload_status(const json::Value& object) {
  const std::string kind = text_at(object, "kind");
  const bool daemons = kind == "DaemonSet";
  const auto number = [&](std::string_view path) {
    const auto* value = object.at_path(path);
    return value == nullptr ? uint64_t{0} : value->unsigned_integer().value_or(0);
  };
  const uint64_t wanted = daemons ? number("status/desiredNumberScheduled") : number("spec/replicas");
  const uint64_t ready = daemons ? number("status/numberReady") : number("status/readyReplicas");
  std::string subject = kind + " " + text_at(object, "metadata/namespace") + "/" + text_at(object, "metadata/name");
  return {std::move(subject), ready >= wanted ? "Ready" : "NotReady", std::format("{} of {}", ready, wanted), ready >= wanted};
}

}  // namespace

Result<Outcome> apply(DeliveryInput& input) {
  SEALIFT_ASSIGN(const auto found, survey(input, Purpose::change));
  if (auto error = blocking(found.findings)) return fail(std::move(*error));
  PoolPeers peers(*found.connections);
  SEALIFT_ASSIGN(const auto planned, build_plan(*found.model, peers));
  SEALIFT_ASSIGN(const auto summary, engine::run(planned, *found.connections, input.events, input.clock, input.journal, input.cancel));
  return to_outcome(summary, found, input.config);
}

Result<PlanOutcome> plan(DeliveryInput& input) {
  PlanOutcome out;
  if (input.offline) {
    // What can be said without the hosts: artifact and configuration fit together.
    SEALIFT_ASSIGN(const auto base, read_base(input.payload));
    SEALIFT_ASSIGN(const auto apps, select_apps(input.payload.contents(), input.config));
    out.notes.push_back(std::format("Kubernetes {} for {} hosts, {} applications; the hosts were not looked at", base.kubernetes_version, input.config.hosts.size(), apps.size()));
    for (const auto& app : apps) out.lines.push_back({"", "app." + app.app->name, "install " + app.app->name + " into " + app.target_namespace, PlanLine::State::unknown});
    return out;
  }
  SEALIFT_ASSIGN(const auto found, survey(input, Purpose::look));
  for (const auto& finding : found.findings) {
    out.blocking += finding.blocks ? 1 : 0;
    out.notes.push_back(std::format("{}: {} {}", finding.blocks ? "must be solved" : "warning", finding.host, finding.message));
  }
  for (const auto& [address, error] : found.aside) out.notes.push_back(std::format("{} is left out: {}", address, error.text()));
  PoolPeers peers(*found.connections);
  SEALIFT_ASSIGN(const auto planned, build_plan(*found.model, peers));
  SEALIFT_ASSIGN(const auto looked, engine::look(planned, *found.connections, input.events, input.clock, input.cancel));
  for (const auto& step : looked.steps) {
    using Finding = engine::LookedStep::Finding;
    const auto state = step.finding == Finding::done ? PlanLine::State::done : step.finding == Finding::needed ? PlanLine::State::needed : PlanLine::State::unknown;
    out.lines.push_back({step.host, step.step, step.description, state});
  }
  if (looked.ended_by) return fail(*looked.ended_by);
  return out;
}

Result<std::vector<StatusLine>> status(DeliveryInput& input) {
  SEALIFT_ASSIGN(const auto host, look_at_control_plane(input));
  const auto control_plane = std::ranges::find(input.config.hosts, format::HostRole::control_plane, &config::HostConfig::role);
  const std::string name = control_plane->name.value_or(control_plane->address);
  SEALIFT_ASSIGN(auto state, look_at_state(*host, name, input.cancel));
  auto out = std::move(state.down);
  if (!state.api_answers) return out;
  // It may go down while it is asked: that is an answer too.
  const auto ask = [&](std::vector<std::string> what) -> Result<std::optional<json::Value>> {
    auto list = kubectl_object(*host, std::move(what), input.cancel);
    if (list || list.error().code == ErrorCode::unreachable || list.error().code == ErrorCode::cancelled) return list;
    out.push_back(api_down(name, list.error()));
    return std::optional<json::Value>{};
  };
  SEALIFT_ASSIGN(const auto nodes, ask({"nodes"}));
  if (!nodes) return out;
  SEALIFT_ASSIGN(const auto workloads, ask({"deployments,statefulsets,daemonsets", "--all-namespaces"}));
  const auto each = [](const std::optional<json::Value>& list, const auto& use) {
    const auto* items = list ? list->find("items") : nullptr;
    if (items == nullptr || !items->is_array()) return;
    for (const auto& item : *items->elements()) use(item);
  };
  each(nodes, [&](const json::Value& node) { out.push_back(node_status(node)); });
  each(workloads, [&](const json::Value& workload) { out.push_back(workload_status(workload)); });
  return out;
}

Result<Secret> kubeconfig(DeliveryInput& input) {
  SEALIFT_ASSIGN(const auto host, look_at_control_plane(input));
  SEALIFT_ASSIGN(auto bytes, host->read(std::string(kAdminKubeconfig), size_t{256} << 10));
  if (!bytes) return fail(ErrorCode::not_found, "{} is gone", kAdminKubeconfig);
  const Secret original{std::string(base::as_text(*bytes))};
  explicit_bzero(bytes->data(), bytes->size());
  SEALIFT_ASSIGN(auto documents, yaml::parse(original.reveal(), kAdminKubeconfig));
  const auto control_plane = std::ranges::find(input.config.hosts, format::HostRole::control_plane, &config::HostConfig::role);
  const std::string address = control_plane->address.contains(':') ? "[" + control_plane->address + "]" : control_plane->address;
  auto* clusters = documents.empty() ? nullptr : documents[0].find("clusters");
  if (clusters == nullptr || clusters->items.empty() || clusters->items[0].find("cluster") == nullptr) return fail(ErrorCode::protocol, "{} is not a kubeconfig", kAdminKubeconfig);
  // On the hosts 127.0.0.1 is the balancer; people work elsewhere.
  clusters->items[0].find("cluster")->set("server", yaml::Node::make_string(std::format("https://{}:{}", address, input.config.api.port)));
  return Secret(yaml::to_yaml(documents[0]));
}

}  // namespace sealift::steps
