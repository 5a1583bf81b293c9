// SPDX-License-Identifier: Apache-2.0
//
// The end of a host as a registry host, once no other host asks it any more: an artifact's record and payload go.
#pragma once

#include <string>

#include "runtime/steps/basic_step.h"

namespace sealift::steps {

class LetGoStep final : public BasicStep {
 public:
  // `record`: file name within host::kArtifactRecords.
  explicit LetGoStep(const std::string& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string record_;  // its path
};

}  // namespace sealift::steps
