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

// As it is recorded on this host while it is delivered, with recorded_apps(): what it had of an earlier version is
// served on, so that pods that start meanwhile find their images. Errors: those of reading the payload.
Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node,
                                             std::vector<host::ArtifactRecord::App> apps);
// As it is recorded once all of it is healthy. An earlier version's payload and applications stay as long as one of
// those is not among the new ones: a delivery takes nothing away.
Result<host::ArtifactRecord> settled_artifact_record(const Model& model, const Node& node,
                                                     std::vector<host::ArtifactRecord::App> apps);

std::string record_path(const host::ArtifactRecord& record);        // of its file
std::string payload_folder_of(const host::ArtifactRecord& record);  // where its payloads lie
// Whether the host has the record, by whomever and whenever.
Result<bool> is_recorded(host::HostView& host, const host::ArtifactRecord& record);
// As of now.
Result<void> write_record(engine::StepContext& context, host::ArtifactRecord record, const host::Reason& reason);

// Who records it and when is no reason to record it again.
class ArtifactStep final : public BasicStep {
 public:
  explicit ArtifactStep(const host::ArtifactRecord& record);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  host::ArtifactRecord record_;
};

}  // namespace sealift::steps
