// SPDX-License-Identifier: Apache-2.0
//
// The end of a host as a registry host, once no other host asks it any more: an artifact's record and payload go.
#pragma once

#include <string>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

class LetGoStep final : public BasicStep {
 public:
  // `record`: file name within host::kArtifactRecords.
  LetGoStep(const Node& node, const std::string& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string record_, folder_;  // paths
};

}  // namespace sealift::steps
