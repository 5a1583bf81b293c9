// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/plans/groups.h"
#include "runtime/steps/artifact_step.h"
#include "runtime/steps/let_go_step.h"
#include "runtime/steps/payload_step.h"
#include "runtime/steps/settle_step.h"
#include "runtime/steps/upload_step.h"

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
  if (!record.is_served) {
    const Index charts =
        plan.add(node, std::make_shared<PayloadStep>(model, node, PayloadPart::charts), {recorded}, Lane::bytes);
    return Payload{recorded, charts, charts};
  }
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

Result<Images> bring_images(PlanBuilder& plan, const steps::Model& model) {
  Images out;
  SEALIFT_ASSIGN(const auto apps, steps::recorded_apps(model));
  const Payload* first = nullptr;
  for (const auto* node : model.keepers()) {
    SEALIFT_ASSIGN(const auto payload, bring_payload(plan, model, *node, apps, first));
    const auto added = out.payloads.emplace(node->name, payload).first;
    if (!model.is_registry_host(*node)) continue;
    out.whole.push_back(payload.whole);
    if (first != nullptr) continue;
    first = &added->second;
    out.supplier = node;
    out.first = payload.first;
  }
  if (out.supplier != nullptr) return out;
  const auto& plane = model.any_control_plane();
  out.first = plan.add(plane, std::make_shared<steps::UploadStep>(model, steps::UploadPart::first), {}, Lane::bytes);
  out.whole = {
      plan.add(plane, std::make_shared<steps::UploadStep>(model, steps::UploadPart::rest), {out.first}, Lane::bytes)};
  return out;
}

void wait_for_images(const Images& images, const steps::Model& model, std::vector<Index>& essential,
                     std::vector<Index>& settled) {
  for (const auto* node : model.keepers()) {
    const bool must = node->is_control_plane() || node == images.supplier;
    (must ? essential : settled).push_back(images.payloads.find(node->name)->second.whole);
  }
  if (images.supplier == nullptr) essential.append_range(images.whole);
}

Result<std::map<std::string, Index, std::less<>>> settle_payloads(PlanBuilder& plan, const steps::Model& model,
                                                                  const std::vector<Index>& after) {
  std::map<std::string, Index, std::less<>> out;
  if (!model.before) return out;
  SEALIFT_ASSIGN(const auto apps, steps::recorded_apps(model));
  // An application that failed keeps it from this, and nothing else from going on.
  const auto add = [&](const steps::Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> before) {
    const Index added = plan.add(node, std::move(step), std::move(before));
    plan.at(added).on_failure = engine::OnFailure::alone;
    out[node.name] = added;
  };
  const auto keepers = model.keepers();
  for (const auto* node : keepers) {
    SEALIFT_ASSIGN(const auto record, steps::settled_artifact_record(model, *node, apps));
    add(*node, std::make_shared<steps::SettleStep>(record), after);
    // Also where a run was cut that had come as far as the record.
    if (!model.is_registry_host(*node))
      add(*node, std::make_shared<PayloadStep>(model, *node, PayloadPart::charts_alone), {out.at(node->name)});
  }
  for (const auto& node : model.nodes) {
    if (model.leaves_registry(node) && !std::ranges::contains(keepers, node.name, &steps::Node::name))
      add(node, std::make_shared<steps::LetGoStep>(model.before->file_name()), after);
  }
  return out;
}

}  // namespace sealift::plans
