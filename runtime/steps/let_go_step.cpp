// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/let_go_step.h"

#include "payload/base/format.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/settle_step.h"

namespace sealift::steps {

LetGoStep::LetGoStep(const std::string& record)
    : BasicStep("artifact.let-go", "free the payload, which other hosts serve now", digest_of({record})),
      record_(base::format("{}/{}", host::kArtifactRecords, record)) {}

Result<engine::StepState> LetGoStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool recorded, exists(context.host, record_));
  return recorded ? engine::StepState::needed : engine::StepState::done;
}

// The record last: it tells what is to be done when this is cut.
Result<void> LetGoStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto text, context.host.read(record_, host::kMaxArtifactRecord));
  if (!text) return {};
  SEALIFT_ASSIGN(const auto record, host::parse_artifact_record(base::as_text(*text)));
  SEALIFT_TRY(take_payloads(context.host, record, reason()));
  return context.host.remove(record_, reason());
}

}  // namespace sealift::steps
