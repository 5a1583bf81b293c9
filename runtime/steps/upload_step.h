// SPDX-License-Identifier: Apache-2.0
//
// Uploads images to the site's registry (registry.external), from the launch machine: it has them all, and no host
// keeps the payload then. What is there is not sent again, and what broke off goes on.
#pragma once

#include <vector>

#include "payload/upload/image_upload.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/external_registry.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

enum class UploadPart {
  first,  // the images of the base and of the network
  rest,   // those of the other selected applications
};

class UploadStep final : public BasicStep {
 public:
  // cluster.yaml must have a registry.external.
  UploadStep(const Model& model, UploadPart part);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<std::vector<upload::Target>> targets(const ExternalRegistry& registry) const;
  const Model& model_;
  UploadPart part_;
};

}  // namespace sealift::steps
