// SPDX-License-Identifier: Apache-2.0
//
// The end of an update on a registry host: an earlier version's payload that nobody needs any more is not served on,
// and taken off the disk.
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// Payloads in this folder that no record on this host names, by path, with their states.
Result<std::vector<std::string>> unserved_payloads(host::HostView& host, const std::string& folder);

// All payloads that the record names, and their states.
Result<void> take_payloads(host::Host& host, const host::ArtifactRecord& record, const host::Reason& reason);

class SettleStep final : public BasicStep {
 public:
  // `record`: settled_artifact_record().
  explicit SettleStep(const host::ArtifactRecord& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  host::ArtifactRecord record_;
};

}  // namespace sealift::steps
