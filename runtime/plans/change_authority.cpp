// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/certificates.h"

namespace sealift::plans {
namespace {

// A step of every host. `after`: of the first control plane. Returns those of the control planes, then the others'.
struct Everywhere {
  std::vector<Index> planes, workers;
};

template <class Make>
Everywhere on_all(PlanBuilder& plan, const std::vector<Reached>& hosts, Index after, Make make) {
  Everywhere out;
  for (const auto& [node, last] : hosts)
    (node->is_control_plane() ? out.planes : out.workers).push_back(plan.add(*node, make(*node), {after, last}));
  return out;
}

}  // namespace

void change_authority(PlanBuilder& plan, const steps::Model& model, const steps::AuthorityChange& change,
                      std::vector<Reached>& hosts) {
  using steps::BundleStep, steps::CertificateStep, steps::TakeOverStep;
  const steps::Node& first = *hosts.front().node;
  const bool all_there = change.away.empty();
  const auto bundle = [&](BundleStep::Part part) {
    return [&model, part](const steps::Node& node) { return std::make_shared<BundleStep>(model, node, part); };
  };
  const auto take_over = [&](TakeOverStep::Part part, Everywhere after) {
    const Index step =
        plan.add(first, std::make_shared<TakeOverStep>(model, first, part, all_there), std::move(after.planes));
    plan.at(step).after_any = std::move(after.workers);
    return step;
  };
  const Index next =
      plan.add(first, std::make_shared<steps::NextAuthorityStep>(model, first, change.asked), {hosts.front().last});
  Index last = take_over(TakeOverStep::Part::promote, on_all(plan, hosts, next, bundle(BundleStep::Part::trust)));
  // Each control plane issues for the nodes' own renewals.
  std::vector<Index> keys{last};
  for (const auto& [node, reached] : hosts) {
    if (node->is_control_plane() && node != &first)
      keys.push_back(plan.add(*node, std::make_shared<steps::AuthorityStep>(model, *node, "authority.key"), {last}));
  }
  auto renewed = on_all(plan, hosts, last, [&](const steps::Node& node) {
    return std::make_shared<CertificateStep>(model, node, CertificateStep::Occasion::new_authority);
  });
  renewed.planes.append_range(keys);
  last = take_over(TakeOverStep::Part::retire, std::move(renewed));
  for (auto& [node, reached] : hosts) reached = plan.add(*node, bundle(BundleStep::Part::forget)(*node), {last});
}

}  // namespace sealift::plans
