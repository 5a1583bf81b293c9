// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/plans/groups.h"

namespace sealift::plans {
namespace {

using config::HookConfig;
using steps::HookSource;
using steps::HookStep;
using steps::Model;
using steps::Node;
using On = HookConfig::On;
using Phase = HookConfig::Phase;

HookSource source_of(const Model& model) { return {model.config, model.payload}; }

// Of one moment, in the order of cluster.yaml.
std::vector<const HookConfig*> hooks_of(const config::ClusterConfig& config, Phase phase, bool before,
                                        std::string_view app = {}) {
  std::vector<const HookConfig*> out;
  for (const auto& hook : config.hooks) {
    if (hook.phase == phase && hook.is_before == before && hook.app == app) out.push_back(&hook);
  }
  return out;
}

// Whether `on` speaks of a host. `one`: the control plane that one-control-plane means.
bool is_on(const HookConfig& hook, const Node& node, std::string_view one) {
  switch (hook.on) {
    case On::all: return true;
    case On::control_planes: return node.is_control_plane();
    case On::workers: return !node.is_control_plane();
    case On::one_control_plane: return node.name == one;
    case On::named:
      return std::ranges::any_of(
          hook.hosts, [&](const std::string& name) { return name == node.config.address || name == node.config.name; });
  }
  return false;
}

std::string_view first_of(const Model& model) { return model.any_control_plane().name; }

std::vector<Index> around_cluster(PlanBuilder& plan, const Model& model, bool before, std::vector<Reached>& hosts) {
  std::vector<Index> out, planes, others;
  for (const auto& host : hosts) (host.node->is_control_plane() ? planes : others).push_back(host.last);
  for (const auto* hook : hooks_of(model.config, Phase::cluster, before)) {
    const auto earlier = out;
    for (auto& host : hosts) {
      if (!is_on(*hook, *host.node, first_of(model))) continue;
      std::vector<Index> after{host.last};
      for (const Index plane : planes) {
        if (plane != host.last) after.push_back(plane);
      }
      host.last =
          plan.add(*host.node, std::make_shared<HookStep>(source_of(model), *hook, *host.node), std::move(after));
      plan.at(host.last).after_any = others;
      plan.at(host.last).after_any.insert(plan.at(host.last).after_any.end(), earlier.begin(), earlier.end());
      out.push_back(host.last);
    }
  }
  return out;
}

// One after the other; all hosts of one hook at once.
std::vector<Index> around_app(PlanBuilder& plan, const Model& model, const std::string& app, bool before,
                              std::vector<Index> after, const std::vector<Index>& settled) {
  for (const auto* hook : hooks_of(model.config, Phase::app, before, app)) {
    std::vector<Index> on_hosts;
    for (const auto& node : model.nodes) {
      if (!is_on(*hook, node, first_of(model))) continue;
      const Index index =
          plan.add(node, std::make_shared<HookStep>(source_of(model), *hook, node), after, engine::Lane::applications);
      plan.at(index).after_any = settled;
      plan.at(index).on_failure = engine::OnFailure::alone;
      on_hosts.push_back(index);
    }
    if (!on_hosts.empty()) after = std::move(on_hosts);
  }
  return after;
}

}  // namespace

void hooks_before_host(PlanBuilder& plan, const Model& model, const Node& node) {
  for (const auto* hook : hooks_of(model.config, Phase::hosts, true)) {
    if (is_on(*hook, node, first_of(model)))
      plan.begin(node, std::make_shared<HookStep>(source_of(model), *hook, node));
  }
}

Index hooks_after_host(PlanBuilder& plan, const Model& model, const Node& node, Index ready) {
  for (const auto* hook : hooks_of(model.config, Phase::hosts, false)) {
    if (is_on(*hook, node, first_of(model)))
      ready = plan.add(node, std::make_shared<HookStep>(source_of(model), *hook, node), {ready});
  }
  return ready;
}

std::vector<Index> hooks_before_cluster(PlanBuilder& plan, const Model& model, std::vector<Reached>& hosts) {
  return around_cluster(plan, model, true, hosts);
}

std::vector<Index> hooks_after_cluster(PlanBuilder& plan, const Model& model, std::vector<Reached>& hosts) {
  return around_cluster(plan, model, false, hosts);
}

std::vector<Index> hooks_before_app(PlanBuilder& plan, const Model& model, const std::string& app,
                                    std::vector<Index> after, const std::vector<Index>& settled) {
  return around_app(plan, model, app, true, std::move(after), settled);
}

std::vector<Index> hooks_after_app(PlanBuilder& plan, const Model& model, const std::string& app, Index installed) {
  return around_app(plan, model, app, false, {installed}, {});
}

std::vector<engine::StepId> hooks_of_the_end(const config::ClusterConfig& config, const Node& node) {
  std::vector<engine::StepId> out;
  for (const auto& hook : config.hooks) {
    if (hook.phase == Phase::reset || hook.phase == Phase::remove) out.push_back(steps::hook_step(hook));
    if (hook.phase == Phase::remove) out.push_back(steps::hook_step(hook, node.name));
  }
  return out;
}

std::optional<Index> hooks_of_reset(PlanBuilder& plan, const HookSource& source, const Node& node, bool before,
                                    std::optional<Index> after) {
  const auto& hosts = source.config.hosts;
  const auto one = std::ranges::find(hosts, format::HostRole::control_plane, &config::HostConfig::role);
  const bool is_one = one != hosts.end() && one->address == node.config.address;
  for (const auto* hook : hooks_of(source.config, Phase::reset, before)) {
    if (!is_on(*hook, node, is_one ? std::string_view(node.name) : std::string_view())) continue;
    after = plan.add(node, std::make_shared<HookStep>(source, *hook, node),
                     after ? std::vector{*after} : std::vector<Index>{});
  }
  return after;
}

void hooks_of_removal(PlanBuilder& plan, const Model& model, const LeavingNode& leaving, bool before,
                      std::optional<Index>& last) {
  const Node& planned_for = leaving.is_dead ? leaving.asked : leaving.node;
  for (const auto* hook : hooks_of(model.config, Phase::remove, before)) {
    const bool on_asked = !before || hook->on == On::one_control_plane;
    const bool concerns = hook->on == On::one_control_plane || is_on(*hook, leaving.node, {});
    if (!concerns || (!on_asked && leaving.is_dead)) continue;
    auto step = on_asked ? std::make_shared<HookStep>(source_of(model), *hook, leaving.asked, leaving.node.name)
                         : std::make_shared<HookStep>(source_of(model), *hook, leaving.node);
    last = plan.add(planned_for, std::move(step), last ? std::vector{*last} : std::vector<Index>{});
  }
}

}  // namespace sealift::plans
