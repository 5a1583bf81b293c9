// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/forget_app.h"

#include <algorithm>

#include "runtime/steps/apps.h"
#include "runtime/steps/artifact_step.h"
#include "runtime/steps/settle_step.h"

namespace sealift::steps {
namespace {

bool has_app(const host::ArtifactRecord& record, const std::string& app) {
  return std::ranges::contains(record.apps, app, &host::ArtifactRecord::App::name);
}

}  // namespace

bool is_spent(const host::ArtifactRecord& record) {
  return !record.is_base && record.apps.empty() && record.files.empty();
}

ForgetAppStep::ForgetAppStep(std::string app)
    : BasicStep("forget.app." + app, "take " + app + " off the records", digest_of({app})), app_(std::move(app)) {}

Result<engine::StepState> ForgetAppStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto records, host::read_artifact_records(context.host));
  SEALIFT_ASSIGN(const auto installed, context.host.recorded(std::string(kAppSteps) + app_));
  const bool known =
      installed || std::ranges::any_of(records, [&](const auto& record) { return has_app(record, app_); });
  return known ? engine::StepState::needed : engine::StepState::done;
}

Result<void> ForgetAppStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(auto records, host::read_artifact_records(context.host));
  for (auto& record : records) {
    if (!has_app(record, app_)) continue;
    std::erase_if(record.apps, [&](const host::ArtifactRecord::App& app) { return app.name == app_; });
    SEALIFT_TRY(drop(context, record));
  }
  return {};
}

Result<void> ForgetAppStep::drop(engine::StepContext& context, const host::ArtifactRecord& record) const {
  const auto path = record_path(record);
  if (!is_spent(record)) {
    const auto text = host::to_text(record);
    base::MemorySource source(base::as_bytes(text));
    return context.host.write_atomic(path, {0644, 0, 0}, source, reason());
  }
  // The record last: it tells what is to be done when this is cut.
  SEALIFT_TRY(take_payloads(context.host, record, reason()));
  return context.host.remove(path, reason());
}

}  // namespace sealift::steps
