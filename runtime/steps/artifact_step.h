// SPDX-License-Identifier: Apache-2.0
//
// Records on a registry host that this artifact is delivered to the cluster: from then on the image mirror there serves
// its payload, and deliveries of other artifacts respect what it claims.
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The selected applications as every registry host records them. Errors: those of reading their manifests.
Result<std::vector<host::ArtifactRecord::App>> recorded_apps(const Model& model);
// One of them, as this artifact has it.
Result<host::ArtifactRecord::App> recorded_app(const Model& model, const SelectedApp& app);

// As it will be recorded on this host, with recorded_apps(). An earlier version's payload and applications stay as long
// as one of those is not among the new ones: a delivery takes nothing away. Errors: those of reading the payload.
Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node,
                                             std::vector<host::ArtifactRecord::App> apps);

// Who records it and when is no reason to record it again.
class ArtifactStep final : public BasicStep {
 public:
  explicit ArtifactStep(const host::ArtifactRecord& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  host::ArtifactRecord record_;
  std::string path_, payloads_;
};

}  // namespace sealift::steps
