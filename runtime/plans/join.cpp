// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>

#include "runtime/plans/deliver.h"
#include "runtime/steps/history.h"

namespace sealift::plans {
namespace {

// What newcomers change on other nodes, and what only looks there unless that is so.
constexpr auto kForNewcomers =
    std::to_array<std::string_view>({"files.backends", "reload.balancer", "files.node", "units.node", "cluster.healthy",
                                     steps::kHistoryStep, "host.sync"});

// A step of a node that stands: taken to be done.
class AsItIs final : public engine::Step {
 public:
  explicit AsItIs(std::shared_ptr<engine::Step> step) : step_(std::move(step)) {}
  engine::StepId id() const override { return step_->id(); }
  std::string describe() const override { return step_->describe(); }
  Digest inputs() const override { return step_->inputs(); }
  Result<engine::StepState> check(const engine::LookContext&) override { return engine::StepState::done; }
  Result<void> apply(engine::StepContext&) override {
    return fail(ErrorCode::internal, "{} belongs to a node that stands already", id());
  }

 private:
  std::shared_ptr<engine::Step> step_;
};

}  // namespace

Result<engine::Plan> join(const steps::Model& model) {
  SEALIFT_ASSIGN(auto plan, deliver(model));
  std::set<std::string> standing;
  for (const auto& node : model.nodes) {
    if (node.stands) standing.insert(node.name);
  }
  for (auto& planned : plan.steps) {
    if (standing.contains(planned.host) && !std::ranges::contains(kForNewcomers, planned.step->id()))
      planned.step = std::make_shared<AsItIs>(std::move(planned.step));
  }
  return plan;
}

}  // namespace sealift::plans
