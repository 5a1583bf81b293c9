// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/artifact_step.h"
#include "runtime/steps/payload_step.h"

namespace sealift::plans {

using engine::Lane;
using steps::PayloadPart;
using steps::PayloadStep;

Result<Payload> bring_payload(PlanBuilder& plan, const steps::Model& model, const steps::Node& node) {
  SEALIFT_ASSIGN(const auto record, steps::artifact_record(model, node));
  const Index recorded = plan.add(node, std::make_shared<steps::ArtifactStep>(record), {});
  const Index first =
      plan.add(node, std::make_shared<PayloadStep>(model, node, PayloadPart::first), {recorded}, Lane::bytes);
  const Index whole =
      plan.add(node, std::make_shared<PayloadStep>(model, node, PayloadPart::rest), {first}, Lane::bytes);
  return Payload{recorded, first, whole};
}

}  // namespace sealift::plans
