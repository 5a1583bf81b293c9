// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/remove.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "runtime/plans/groups.h"
#include "runtime/plans/reset.h"
#include "runtime/steps/history.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {
namespace {

using engine::Step;
using steps::Model;

// A step that is made of the control planes that stay. Which ones that are is known once every drain has ended: a host
// that was set aside by then stays one.
class AfterDrains final : public Step {
 public:
  using Make = std::function<std::shared_ptr<Step>(const Model&)>;
  AfterDrains(const Removal& removal, Make make)
      : removal_(removal), make_(std::move(make)), expected_(of_those_that_stay({})) {}

  engine::StepId id() const override { return expected_->id(); }
  std::string describe() const override { return expected_->describe(); }
  Digest inputs() const override { return expected_->inputs(); }
  Result<engine::StepState> check(const engine::LookContext& context) override {
    return of_those_that_stay(context.aside)->check(context);
  }
  Result<void> apply(engine::StepContext& context) override {
    return of_those_that_stay(context.aside)->apply(context);
  }

 private:
  std::shared_ptr<Step> of_those_that_stay(const std::vector<std::string>& aside) const {
    Model model = removal_.model;
    std::erase_if(model.nodes, [&](const steps::Node& node) {
      const bool leaves =
          std::ranges::any_of(removal_.leaving, [&](const Leaving& leaving) { return leaving.node.name == node.name; });
      return leaves && !std::ranges::contains(aside, node.name);
    });
    return make_(model);
  }

  const Removal& removal_;
  Make make_;
  std::shared_ptr<Step> expected_;
};

using MakeForNode = std::shared_ptr<Step>(const Model&, const steps::Node&);

AfterDrains::Make for_node(MakeForNode& make, const steps::Node& node) {
  return [&make, &node](const Model& model) { return make(model, node); };
}

class Remover {
 public:
  explicit Remover(const Removal& removal) : removal_(removal) {
    for (const auto* node : removal.told) {
      if (node->name == removal.asked) asked_ = node;
    }
  }

  engine::Plan run() && {
    drain();
    tell();
    leave();
    changes_by_asked_.push_back(note());
    // The others are as they will stay.
    for (const auto* node : removal_.told) {
      if (node != asked_ && !told_.contains(node->name)) continue;
      const Index synced = plan_.add(*node, std::make_shared<steps::SyncStep>(*node), {});
      auto& after = plan_.at(synced).after_any;
      if (node == asked_) after = changes_by_asked_;
      if (const auto told = told_.find(node->name); told != told_.end()) after.push_back(told->second);
    }
    return std::move(plan_).take();
  }

 private:
  const steps::Node& host_of(const Leaving& leaving) const { return leaving.is_dead ? *asked_ : leaving.node; }

  void hooks(const Leaving& leaving, bool before, std::optional<Index>& last) {
    if (removal_.model.config.hooks.empty()) return;
    const auto so_far = last;
    hooks_of_removal(plan_, removal_.model, {leaving.node, *asked_, leaving.is_dead}, before, last);
    if (last != so_far) changes_by_asked_.push_back(*last);
  }

  void drain() {
    std::optional<Index> before;
    for (const auto& leaving : removal_.leaving) {
      auto& last = last_.emplace_back();
      hooks(leaving, true, last);
      if (leaving.is_dead) continue;
      last =
          plan_.add(leaving.node, std::make_shared<steps::DrainStep>(removal_.asked, leaving.node.name, removal_.drain),
                    last ? std::vector{*last} : std::vector<Index>{});
      plan_.at(*last).changes_cluster = true;
      if (before) plan_.at(*last).after_any = {*before};
      if (leaving.is_control_plane) drained_.push_back(*last);
      before = last;
      changes_by_asked_.push_back(*last);
    }
  }

  void tell() {
    if (std::ranges::none_of(removal_.leaving, &Leaving::is_control_plane)) return;
    for (const auto* node : removal_.told) {
      const Index listed =
          plan_.add(*node, std::make_shared<AfterDrains>(removal_, for_node(list_control_planes, *node)), {});
      plan_.at(listed).ends = {std::string(kReloadBalancer)};
      plan_.at(listed).after_any = drained_;
      told_[node->name] =
          plan_.add(*node, std::make_shared<AfterDrains>(removal_, for_node(reload_balancer, *node)), {listed});
    }
  }

  Index then(const Leaving& leaving, std::shared_ptr<Step> step, std::optional<Index>& last) {
    const Index index = plan_.add(host_of(leaving), std::move(step), last ? std::vector{*last} : std::vector<Index>{});
    plan_.at(index).changes_cluster = !leaving.is_dead;
    last = index;
    changes_by_asked_.push_back(index);
    return index;
  }

  void leave() {
    std::optional<Index> before;  // of the control plane before
    for (size_t i = 0; i < removal_.leaving.size(); ++i) {
      const auto& leaving = removal_.leaving[i];
      auto& last = last_[i];
      const auto& name = leaving.node.name;
      std::optional<Index> left;
      if (leaving.is_control_plane && !removal_.model.config.external_etcd)
        left = then(leaving, std::make_shared<steps::LeaveEtcdStep>(removal_.asked, name, leaving.node.ip), last);
      const Index forgotten = then(leaving, std::make_shared<steps::ForgetNodeStep>(removal_.asked, name), last);
      if (leaving.is_control_plane) {
        auto& after = plan_.at(left.value_or(forgotten)).after_any;
        for (const auto& [node, told] : told_) after.push_back(told);
        if (before) after.push_back(*before);
        before = forgotten;
      }
      hooks(leaving, false, last);
      if (!leaving.is_dead)
        reset_host(plan_, leaving.node, {*last}, false, hooks_of_the_end(removal_.model.config, leaving.node));
    }
  }

  Index note() {
    const auto complete = [&removal = removal_](const engine::LookContext& context, steps::HistoryEntry& entry) {
      for (const auto& leaving : removal.leaving) {
        if (!std::ranges::contains(context.aside, leaving.node.name)) entry.removed.push_back(leaving.node.name);
      }
    };
    const Index out = plan_.add(
        *asked_,
        std::make_shared<steps::HistoryStep>(steps::history_entry(removal_.model), complete, std::vector{asked_->name}),
        {});
    plan_.at(out).after_any = changes_by_asked_;
    return out;
  }

  const Removal& removal_;
  PlanBuilder plan_{{}};
  const steps::Node* asked_ = nullptr;
  std::vector<std::optional<Index>> last_;  // of each leaving host
  std::vector<Index> drained_;              // control planes
  std::map<std::string, Index> told_;       // by node
  std::vector<Index> changes_by_asked_;
};

}  // namespace

engine::Plan remove(const Removal& removal) { return Remover(removal).run(); }

}  // namespace sealift::plans
