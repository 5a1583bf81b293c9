// SPDX-License-Identifier: Apache-2.0
//
// Records on a registry host that this artifact is delivered to the cluster: from then on the image mirror there serves
// its payload, and deliveries of other artifacts respect what it claims.
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// As it is recorded on this host while it is delivered: what it had of an earlier version is served on, so that pods
// that start meanwhile find their images. Errors: those of reading the payload.
Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node);
// As it is recorded once all of it is healthy. An earlier version's payload and applications stay as long as one of
// those is not among the new ones: a delivery takes nothing away.
Result<host::ArtifactRecord> settled_artifact_record(const Model& model, const Node& node);

// The file that holds a record.
std::string path_of(const host::ArtifactRecord& record);

// Payloads in this folder that no record on this host names, by path, with their states.
Result<std::vector<std::string>> unserved_payloads(host::HostView& host, const std::string& folder);

class ArtifactStep final : public BasicStep {
 public:
  explicit ArtifactStep(const host::ArtifactRecord& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string path_, text_, payloads_;
};

// At the end: an earlier version's payload that nobody needs any more is not served on, and taken off the disk.
class SettleStep final : public BasicStep {
 public:
  explicit SettleStep(const host::ArtifactRecord& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string path_, text_, payloads_;
};

}  // namespace sealift::steps
