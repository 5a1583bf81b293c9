// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/artifact_step.h"
#include "runtime/steps/payload_step.h"
#include "runtime/steps/settle_step.h"

namespace sealift::plans {

using engine::Lane;
using steps::PayloadPart;
using steps::PayloadStep;

namespace {

using Apps = std::vector<host::ArtifactRecord::App>;

Result<Payload> bring_payload(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, const Apps& apps,
                              const Payload* before) {
  SEALIFT_ASSIGN(const auto record, steps::artifact_record(model, node, apps));
  const Index recorded = plan.add(node, std::make_shared<steps::ArtifactStep>(record), {});
  std::vector<Index> after{recorded};
  if (before != nullptr) after.push_back(before->first);
  const Index first =
      plan.add(node, std::make_shared<PayloadStep>(model, node, PayloadPart::first), std::move(after), Lane::bytes);
  after = {first};
  if (before != nullptr) after.push_back(before->whole);
  const Index whole =
      plan.add(node, std::make_shared<PayloadStep>(model, node, PayloadPart::rest), std::move(after), Lane::bytes);
  return Payload{recorded, first, whole};
}

}  // namespace

Result<Payloads> bring_payloads(PlanBuilder& plan, const steps::Model& model) {
  Payloads out;
  SEALIFT_ASSIGN(const auto apps, steps::recorded_apps(model));
  const Payload* first = nullptr;
  for (const auto* node : model.registry_hosts()) {
    SEALIFT_ASSIGN(const auto payload, bring_payload(plan, model, *node, apps, first));
    const auto added = out.emplace(node->name, payload).first;
    if (first == nullptr) first = &added->second;
  }
  return out;
}

Result<std::map<std::string, Index, std::less<>>> settle_payloads(PlanBuilder& plan, const steps::Model& model,
                                                                  const std::vector<Index>& after) {
  std::map<std::string, Index, std::less<>> out;
  if (!model.before) return out;
  SEALIFT_ASSIGN(const auto apps, steps::recorded_apps(model));
  for (const auto* node : model.registry_hosts()) {
    SEALIFT_ASSIGN(const auto record, steps::settled_artifact_record(model, *node, apps));
    const Index settled = plan.add(*node, std::make_shared<steps::SettleStep>(record), after);
    // An application that failed keeps it from this, and nothing else from going on.
    plan.at(settled).on_failure = engine::OnFailure::alone;
    out[node->name] = settled;
  }
  return out;
}

}  // namespace sealift::plans
