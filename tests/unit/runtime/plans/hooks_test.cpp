// SPDX-License-Identifier: Apache-2.0
//
// Where hooks stand in plans: what waits for them, what they wait for, and on which hosts.
#include <catch2/catch_test_macros.hpp>

#include "runtime/engine/scheduler.h"
#include "runtime/plans/remove.h"
#include "runtime/plans/reset.h"
#include "runtime/steps/before_step.h"
#include "tests/unit/runtime/plans/graph.h"

using namespace sealift;
using config::HookConfig;
using engine::StepStatus;
using tests::Graph;
using Phase = HookConfig::Phase;
using On = HookConfig::On;

namespace {

HookConfig hook(std::string name, bool before, Phase phase, On on = On::all, std::string app = {}) {
  HookConfig out;
  out.name = std::move(name);
  out.is_before = before;
  out.phase = phase;
  out.on = on;
  out.app = std::move(app);
  out.program = "#!/bin/sh\n";
  return out;
}

Graph::Change with(std::vector<HookConfig> hooks) {
  return [hooks](config::ClusterConfig& config) { config.hooks = hooks; };
}

std::vector<std::string> hosts_of(const engine::Plan& plan, std::string_view step) {
  std::vector<std::string> out;
  for (const auto& planned : plan.steps) {
    if (planned.step->id() == step) out.push_back(planned.host);
  }
  std::ranges::sort(out);
  return out;
}

size_t at(const engine::Plan& plan, std::string_view step) {
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].host + "/" + plan.steps[i].step->id() == step) return i;
  }
  FAIL("the plan has no " << step);
  return 0;
}

bool needs(const engine::Plan& plan, size_t step, size_t other) {
  return std::ranges::any_of(plan.steps[step].after,
                             [&](size_t before) { return before == other || needs(plan, before, other); });
}
bool needs(const engine::Plan& plan, std::string_view step, std::string_view other) {
  return needs(plan, at(plan, step), at(plan, other));
}

// Runs the plan as far as it comes if these steps fail.
engine::Scheduler run(const engine::Plan& plan, const std::vector<std::string>& failing) {
  engine::Scheduler scheduler(plan, {});
  for (;;) {
    const auto steps = scheduler.start();
    if (steps.empty()) return scheduler;
    for (const size_t step : steps) {
      const auto name = plan.steps[step].host + "/" + plan.steps[step].step->id();
      if (std::ranges::contains(failing, name))
        (void)scheduler.failed(step);
      else
        scheduler.done(step);
    }
  }
}

}  // namespace

TEST_CASE("hooks: a plan without any is what it was") {
  const Graph without(1),
      with_another(1, with({hook("later", true, Phase::reset), hook("gone", false, Phase::remove)}));
  REQUIRE(without.plan.steps.size() == with_another.plan.steps.size());
  for (size_t i = 0; i < without.plan.steps.size(); ++i) {
    const auto &a = without.plan.steps[i], &b = with_another.plan.steps[i];
    INFO(a.host << "/" << a.step->id());
    CHECK(a.step->id() == b.step->id());
    CHECK(a.after == b.after);
    CHECK(a.after_any == b.after_any);
    // A node's new life has its end before it.
    const bool joins = b.changes_cluster;
    CHECK(b.ends.size() == a.ends.size() + (joins ? 3 : 0));
  }
}

TEST_CASE("hooks before and after hosts: before anything is changed on that host, and before its kubeadm") {
  const Graph graph(1, with({hook("a", true, Phase::hosts), hook("b", true, Phase::hosts, On::workers),
                             hook("c", false, Phase::hosts), hook("d", false, Phase::hosts)}));
  REQUIRE(engine::validate(graph.plan));
  CHECK(hosts_of(graph.plan, "hook.a") == std::vector<std::string>{"cp1", "cp2", "w1", "w2"});
  CHECK(hosts_of(graph.plan, "hook.b") == std::vector<std::string>{"w1", "w2"});
  for (const auto& planned : graph.plan.steps) {
    const auto name = planned.host + "/" + planned.step->id();
    const bool earlier = planned.step->id() == "hook.a" || planned.step->id() == steps::kBeforeStep;
    INFO(name);
    if (!earlier) CHECK(graph.needs(name, planned.host + "/hook.a"));
    if (!earlier && planned.host == "w1" && planned.step->id() != "hook.b") CHECK(graph.needs(name, "w1/hook.b"));
  }
  CHECK(graph.needs("cp1/kubeadm.init", "cp1/hook.d"));
  CHECK(graph.needs("cp2/kubeadm.join", "cp2/hook.d"));
  CHECK(graph.needs("w1/kubeadm.join", "w1/hook.d"));
  CHECK(graph.needs("w1/hook.d", "w1/hook.c"));
  CHECK(graph.needs("w1/hook.c", "w1/images.base"));
  CHECK_FALSE(graph.needs("w1/hook.a", "cp1/hook.a"));  // hosts are for themselves
}

TEST_CASE("hooks before hosts: one that fails keeps everything from happening on its host, and only there") {
  const Graph graph(0, with({hook("a", true, Phase::hosts)}));
  const auto ended = run(graph.plan, {"w1/hook.a"});
  CHECK(ended.is_aside("w1"));
  CHECK(ended.status(graph.at("w1/files.base")) == StepStatus::aside);
  CHECK(ended.status(graph.at("w2/node.ready")) == StepStatus::done);
  CHECK(ended.status(graph.at("cp1/app.erp")) == StepStatus::done);
}

TEST_CASE("hooks before the cluster: all hosts are prepared, and nothing is made yet") {
  const Graph graph(
      1, with({hook("one", true, Phase::cluster, On::one_control_plane), hook("all", true, Phase::cluster)}));
  REQUIRE(engine::validate(graph.plan));
  CHECK(hosts_of(graph.plan, "hook.one") == std::vector<std::string>{"cp1"});
  for (const auto* plane : {"cp1", "cp2"}) CHECK(graph.needs("cp1/hook.one", std::string(plane) + "/images.base"));
  for (const auto* worker : {"w1", "w2"})
    CHECK(graph.waits_for_end("cp1/hook.one", std::string(worker) + "/images.base"));
  for (const auto* host : {"cp1", "cp2", "w1", "w2"}) {
    CHECK(graph.waits_for_end(std::string(host) + "/hook.all", "cp1/hook.one"));
    CHECK(graph.waits_for_end("cp1/kubeadm.init", std::string(host) + "/hook.all"));
  }
  CHECK(graph.needs("cp1/kubeadm.init", "cp1/hook.all"));
  CHECK(graph.needs("cp2/kubeadm.join", "cp2/hook.all"));
  CHECK(graph.needs("w1/kubeadm.join", "w1/hook.all"));
  // a worker's failure is its own
  const auto ended = run(graph.plan, {"w1/hook.all"});
  CHECK(ended.status(graph.at("cp1/kubeadm.init")) == StepStatus::done);
  CHECK(ended.status(graph.at("w1/kubeadm.join")) == StepStatus::aside);
  CHECK(run(graph.plan, {"cp2/hook.all"}).status(graph.at("cp1/kubeadm.init")) == StepStatus::not_run);
}

TEST_CASE("hooks after the cluster: all nodes of the run are Ready, and no application has begun") {
  const Graph graph(1, with({hook("one", false, Phase::cluster, On::one_control_plane),
                             hook("workers", false, Phase::cluster, On::workers)}));
  REQUIRE(engine::validate(graph.plan));
  for (const auto* plane : {"cp1", "cp2"}) CHECK(graph.needs("cp1/hook.one", std::string(plane) + "/node.ready"));
  for (const auto* worker : {"w1", "w2"}) {
    const std::string host(worker);
    CHECK(graph.waits_for_end("cp1/hook.one", host + "/node.ready"));
    CHECK(graph.needs(host + "/hook.workers", host + "/node.ready"));
    CHECK(graph.waits_for_end(host + "/hook.workers", "cp1/hook.one"));
    CHECK(graph.waits_for_end("cp1/app.redis", host + "/hook.workers"));
    CHECK(graph.needs(host + "/host.sync", host + "/hook.workers"));
  }
  CHECK(graph.needs("cp1/app.redis", "cp1/hook.one"));
  CHECK(run(graph.plan, {"w1/hook.workers"}).status(graph.at("cp1/app.erp")) == StepStatus::done);
}

TEST_CASE("hooks of an application: around it, for those that need it too, and stopping these alone") {
  const Graph graph(0, with({hook("a", true, Phase::app, On::one_control_plane, "redis"),
                             hook("b", true, Phase::app, On::all, "redis"),
                             hook("c", false, Phase::app, On::one_control_plane, "redis"),
                             hook("net", false, Phase::app, On::one_control_plane, "flannel")}));
  REQUIRE(engine::validate(graph.plan));
  CHECK(graph.needs("cp1/hook.a", "cp1/node.ready"));
  CHECK(graph.waits_for_end("cp1/hook.a", "w1/node.ready"));
  CHECK(graph.needs("w1/hook.b", "cp1/hook.a"));
  CHECK(graph.needs("cp1/app.redis", "w1/hook.b"));
  CHECK(graph.needs("cp1/hook.c", "cp1/app.redis"));
  CHECK(graph.needs("cp1/app.erp", "cp1/hook.c"));  // erp needs redis
  CHECK(graph.waits_for_end("cp1/cluster.healthy", "cp1/hook.c"));
  CHECK(graph.needs("cp1/hook.net", "cp1/app.flannel"));
  for (const auto* failing : {"cp1/hook.a", "w1/hook.b", "cp1/hook.c"}) {
    INFO(failing);
    const auto ended = run(graph.plan, {failing});
    const bool before = std::string_view(failing) != "cp1/hook.c";
    CHECK(ended.status(graph.at("cp1/app.redis")) == (before ? StepStatus::left_out : StepStatus::done));
    CHECK(ended.status(graph.at("cp1/app.erp")) == StepStatus::left_out);
    CHECK(ended.status(graph.at("cp1/cluster.healthy")) == StepStatus::done);
    CHECK(ended.status(graph.at("w1/host.sync")) == StepStatus::done);
  }
}

TEST_CASE("hooks on named hosts: by address and by name") {
  auto by_address = hook("a", true, Phase::hosts, On::named), by_name = hook("b", true, Phase::hosts, On::named);
  by_address.hosts = {"10.7.0.13", "10.7.0.11"};
  by_name.hosts = {"w1"};
  const Graph graph(0, [&](config::ClusterConfig& config) {
    config.hooks = {by_address, by_name};
    config.hosts[1].name = "w1";
  });
  CHECK(hosts_of(graph.plan, "hook.a") == std::vector<std::string>{"cp1", "w2"});
  CHECK(hosts_of(graph.plan, "hook.b") == std::vector<std::string>{"w1"});
}

TEST_CASE("hooks of a reset: before anything is undone on a host, and before the last step there") {
  tests::Site site;
  site.add_base();
  site.config.hosts[0].address = "10.7.0.11";
  site.config.hosts[1].address = "10.7.0.12";
  site.config.hooks = {hook("a", true, Phase::reset), hook("b", false, Phase::reset),
                       hook("one", true, Phase::reset, On::one_control_plane), hook("other", true, Phase::hosts)};
  const auto nodes = site.model().nodes;
  const auto plan = plans::reset({site.config, site.model().payload}, nodes, false, false);
  REQUIRE(engine::validate(plan));
  CHECK(hosts_of(plan, "hook.one") == std::vector<std::string>{"cp1"});
  CHECK(hosts_of(plan, "hook.other").empty());
  for (const std::string host : {"cp1", "w1"}) {
    CHECK(needs(plan, host + "/reset.stop", host + "/hook.a"));
    CHECK(needs(plan, host + "/hook.b", host + "/reset.restore"));
    CHECK(needs(plan, host + "/reset.end", host + "/hook.b"));
  }
  CHECK(needs(plan, "cp1/reset.stop", "cp1/hook.one"));
  CHECK_FALSE(needs(plan, "w1/reset.stop", "cp1/hook.a"));
}

namespace {

engine::Plan removal_of(tests::Site& site, bool dead, steps::Model& model) {
  plans::Removal removal{model, "cp1", {{site.worker_node(), false, dead}}, {&site.control_plane_node()}, {}};
  auto plan = plans::remove(removal);
  REQUIRE(engine::validate(plan));
  return plan;
}

}  // namespace

TEST_CASE("hooks of a removal: the leaving host's before its pods go; a control plane's when it has left") {
  tests::Site site;
  site.add_base();
  site.config.hosts[1].address = "10.7.0.12";
  site.config.hooks = {hook("own", true, Phase::remove), hook("asked", true, Phase::remove, On::one_control_plane),
                       hook("planes", true, Phase::remove, On::control_planes), hook("after", false, Phase::remove)};
  steps::Model model{site.model().payload, site.config, site.base, {}, site.model().nodes};
  const auto plan = removal_of(site, false, model);
  CHECK(hosts_of(plan, "hook.planes").empty());
  CHECK(needs(plan, "w1/hook.asked.w1", "w1/hook.own"));
  CHECK(needs(plan, "w1/remove.drain.w1", "w1/hook.asked.w1"));
  CHECK(needs(plan, "w1/hook.after.w1", "w1/remove.node.w1"));
  CHECK(needs(plan, "w1/reset.stop", "w1/hook.after.w1"));
  const auto ended = run(plan, {"w1/hook.own"});
  CHECK(ended.status(at(plan, "w1/remove.drain.w1")) == StepStatus::aside);
  // a dead one can't be asked
  const auto dead = removal_of(site, true, model);
  CHECK(hosts_of(dead, "hook.own").empty());
  CHECK(needs(dead, "cp1/remove.node.w1", "cp1/hook.asked.w1"));
  CHECK(needs(dead, "cp1/hook.after.w1", "cp1/remove.node.w1"));
}
