// SPDX-License-Identifier: Apache-2.0
//
// The graph of a removal: which step waits for which, where it runs, and what its failure keeps back.
#include "runtime/plans/remove.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/engine/scheduler.h"
#include "runtime/plans/groups.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

enum class How { living, dead };

// cp1 … cp3 and w1 … w3; cp1 is asked.
struct Leave : tests::Site {
  explicit Leave(const std::vector<std::string>& names, How how = How::living,
                 const std::optional<config::ExternalEtcd>& etcd = std::nullopt) {
    config.external_etcd = etcd;
    add_base();
    config.hosts.clear();
    std::vector<steps::Node> nodes;
    for (const auto* name : {"cp1", "cp2", "cp3", "w1", "w2", "w3"}) {
      config::HostConfig host;
      host.address = base::format("10.7.0.{}", nodes.size() + 11);
      host.role = name[0] == 'c' ? format::HostRole::control_plane : format::HostRole::worker;
      config.hosts.push_back(host);
      nodes.push_back({host, name, host.address, worker.machine.facts});
    }
    whole_.reset(new steps::Model{model().payload, config, base, {}, std::move(nodes)});
    removal_.reset(new plans::Removal{*whole_, "cp1", {}, {}, {}});
    for (const auto& node : whole_->nodes) {
      if (std::ranges::contains(names, node.name))
        removal_->leaving.push_back({node, node.is_control_plane(), how == How::dead});
      else
        removal_->told.push_back(&node);
    }
    plan = plans::remove(*removal_);
    REQUIRE(engine::validate(plan));
  }

  std::optional<size_t> find(std::string_view step) const {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].host + "/" + plan.steps[i].step->id() == step) return i;
    }
    return std::nullopt;
  }
  size_t at(std::string_view step) const {
    INFO(step);
    const auto found = find(step);
    REQUIRE(found);
    return *found;
  }
  bool needs(std::string_view step, std::string_view other) const { return reaches(at(step), at(other), false); }
  // Or only for its end.
  bool waits(std::string_view step, std::string_view other) const { return reaches(at(step), at(other), true); }
  std::shared_ptr<engine::Step> step(std::string_view name) const { return plan.steps[at(name)].step; }
  std::string listed(const std::string& by, const std::vector<std::string>& aside) {
    tests::Bench& bench = worker;
    bench.folder("/etc/sealift");
    auto context = bench.context(*step(by + "/files.backends"));
    context.aside = aside;
    REQUIRE(step(by + "/files.backends")->apply(context));
    CHECK(step(by + "/files.backends")->check(context.looking()) == engine::StepState::done);
    return bench.text("/etc/sealift/balancer.json");
  }
  const steps::Model& whole() const { return *whole_; }

  engine::Plan plan;

 private:
  bool reaches(size_t from, size_t to, bool any) const {
    const auto leads = [&](size_t before) { return before == to || reaches(before, to, any); };
    return std::ranges::any_of(plan.steps[from].after, leads) ||
           (any && std::ranges::any_of(plan.steps[from].after_any, leads));
  }
  std::unique_ptr<steps::Model> whole_;
  std::unique_ptr<plans::Removal> removal_;
};

}  // namespace

TEST_CASE("remove: a worker goes by itself; nothing of the others is touched") {
  const Leave leave({"w2"});
  CHECK(leave.needs("w2/remove.node.w2", "w2/remove.drain.w2"));
  CHECK(leave.needs("w2/reset.stop", "w2/remove.node.w2"));
  CHECK(leave.needs("w2/reset.end", "w2/reset.stop"));
  CHECK_FALSE(leave.find("w2/remove.etcd.w2"));
  for (const auto& planned : leave.plan.steps) {
    INFO(planned.host << "/" << planned.step->id());
    const auto step = planned.host + "/" + planned.step->id();
    CHECK((planned.host == "w2" || step == "cp1/cluster.history" || step == "cp1/host.sync"));
    CHECK(planned.on_failure == engine::OnFailure::set_aside);
  }
  CHECK(leave.waits("cp1/host.sync", "w2/remove.node.w2"));
}

TEST_CASE("remove: a control plane leaves when its pods have gone and nobody is sent to it any more") {
  const Leave leave({"cp2"});
  for (const auto* other : {"cp1", "cp3", "w1", "w2", "w3"}) {
    const std::string host = std::string(other) + "/";
    CHECK(leave.needs(host + "reload.balancer", host + "files.backends"));
    CHECK(leave.waits(host + "files.backends", "cp2/remove.drain.cp2"));
    CHECK_FALSE(leave.needs(host + "files.backends", "cp2/remove.drain.cp2"));
    CHECK(leave.waits("cp2/remove.etcd.cp2", host + "reload.balancer"));
    CHECK_FALSE(leave.needs("cp2/remove.etcd.cp2", host + "reload.balancer"));  // one that is away keeps nothing back
    CHECK(leave.plan.steps[leave.at(host + "files.backends")].ends == std::vector<std::string>{"reload.balancer"});
    CHECK(leave.waits(host + "host.sync", host + "reload.balancer"));
  }
  CHECK(leave.needs("cp2/remove.etcd.cp2", "cp2/remove.drain.cp2"));
  CHECK(leave.needs("cp2/remove.node.cp2", "cp2/remove.etcd.cp2"));
  CHECK(leave.needs("cp2/reset.stop", "cp2/remove.node.cp2"));
  CHECK(leave.waits("cp2/reset.stop", "w3/reload.balancer"));
}

TEST_CASE("remove: several go one after the other, and none is kept back by another's failure") {
  const Leave leave({"cp2", "cp3", "w1"});
  for (const auto& [later, earlier] : {std::pair("cp3/remove.drain.cp3", "cp2/remove.drain.cp2"),
                                       std::pair("w1/remove.drain.w1", "cp3/remove.drain.cp3"),
                                       std::pair("cp3/remove.etcd.cp3", "cp2/remove.node.cp2")}) {
    CHECK(leave.waits(later, earlier));
    CHECK_FALSE(leave.needs(later, earlier));
  }
  CHECK(leave.waits("w2/files.backends", "cp3/remove.drain.cp3"));
  CHECK_FALSE(leave.waits("w2/files.backends", "w1/remove.drain.w1"));
  CHECK_FALSE(leave.waits("w1/remove.node.w1", "cp2/remove.etcd.cp2"));
}

TEST_CASE("remove: with an etcd of the site a control plane leaves that as it is") {
  for (const auto how : {How::living, How::dead}) {
    const Leave leave({"cp2", "cp3"}, how, config::ExternalEtcd{{"https://10.7.0.51:2379"}, {}, {}, {}, {}});
    for (const auto& planned : leave.plan.steps) CHECK_FALSE(planned.step->id().contains(".etcd."));
    const std::string by = how == How::living ? "cp2" : "cp1";
    CHECK(leave.waits(by + "/remove.node.cp2", "w1/reload.balancer"));  // nobody is sent to it any more
    CHECK(leave.waits((how == How::living ? "cp3" : "cp1") + std::string("/remove.node.cp3"), by + "/remove.node.cp2"));
  }
}

TEST_CASE("remove: of a dead one the asked control plane does what is left to do") {
  const Leave leave({"cp3", "w3"}, How::dead);
  CHECK(leave.needs("cp1/remove.node.cp3", "cp1/remove.etcd.cp3"));
  CHECK(leave.waits("cp1/remove.etcd.cp3", "w1/reload.balancer"));
  CHECK(leave.plan.steps[leave.at("cp1/remove.node.w3")].after.empty());
  for (const auto& planned : leave.plan.steps) {
    CHECK(planned.host != "cp3");
    CHECK(planned.host != "w3");
    CHECK_FALSE(planned.step->id().contains("drain"));
  }
}

TEST_CASE("remove: the lists are those of a delivery without the control planes that leave") {
  Leave leave({"cp2", "cp3"});
  auto rest = leave.whole();
  std::erase_if(rest.nodes, [](const steps::Node& node) { return node.name == "cp2" || node.name == "cp3"; });
  CHECK(leave.step("w1/files.backends")->inputs() == plans::list_control_planes(rest, rest.nodes.back())->inputs());
  CHECK(leave.step("w1/reload.balancer")->inputs() == plans::reload_balancer(rest, rest.nodes.back())->inputs());
  const auto listed = leave.listed("w1", {});
  CHECK(listed.contains("10.7.0.11:"));
  CHECK_FALSE(listed.contains("10.7.0.12:"));
  CHECK_FALSE(listed.contains("10.7.0.13:"));
}

TEST_CASE("remove: a control plane whose drain failed stays in the lists") {
  Leave leave({"cp2", "cp3"});
  const auto listed = leave.listed("w1", {"cp3"});
  CHECK(listed.contains("10.7.0.11:"));
  CHECK_FALSE(listed.contains("10.7.0.12:"));
  CHECK(listed.contains("10.7.0.13:"));
}
