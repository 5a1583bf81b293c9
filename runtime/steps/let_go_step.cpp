// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/let_go_step.h"

#include <format>

#include "runtime/steps/files.h"
#include "runtime/steps/settle_step.h"

namespace sealift::steps {

LetGoStep::LetGoStep(const Node& node, const std::string& record)
    : BasicStep("artifact.let-go", "free the payload, which other hosts serve now", digest_of({record})),
      record_(std::format("{}/{}", host::kArtifactRecords, record)),
      folder_(Model::payload_folder(node.config)) {}

Result<engine::StepState> LetGoStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool recorded, exists(context.host, record_));
  if (recorded) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, folder_));
  return unserved.empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> LetGoStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const bool recorded, exists(context.host, record_));
  if (recorded) SEALIFT_TRY(context.host.remove(record_, reason()));
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, folder_));
  for (const auto& path : unserved) SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  return {};
}

}  // namespace sealift::steps
