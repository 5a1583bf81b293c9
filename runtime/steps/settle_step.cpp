// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/settle_step.h"

#include <set>

#include "payload/base/format.h"
#include "runtime/steps/artifact_step.h"

namespace sealift::steps {

Result<std::vector<std::string>> unserved_payloads(host::HostView& host, const std::string& folder) {
  std::set<std::string> served;
  SEALIFT_ASSIGN(const auto records, host::read_artifact_records(host));
  for (const auto& record : records) {
    for (const auto& payload : record.payloads) served.insert({payload, payload + ".state"});
  }
  std::vector<std::string> out;
  SEALIFT_ASSIGN(const auto names, host.list(folder));
  for (const auto& name : names) {
    auto path = folder + "/" + name;
    const bool is_payload = name.ends_with(".payload") || name.ends_with(".payload.state");
    if (is_payload && !served.contains(path)) out.push_back(std::move(path));
  }
  return out;
}

Result<void> take_payloads(host::Host& host, const host::ArtifactRecord& record, const host::Reason& reason) {
  for (const auto& payload : record.payloads) {
    for (const auto& path : {payload, payload + ".state"})
      SEALIFT_TRY(host.take_away(host::Trace::Kind::path, path, reason));
  }
  return {};
}

SettleStep::SettleStep(const host::ArtifactRecord& record)
    : BasicStep("artifact.settle",
                base::format("take away what only an earlier version than {} needed", record.title()),
                digest_of({host::to_text(record)})),
      record_(record) {}

Result<engine::StepState> SettleStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool recorded, is_recorded(context.host, record_));
  if (!recorded) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, payload_folder_of(record_)));
  return unserved.empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> SettleStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const bool recorded, is_recorded(context.host, record_));
  if (!recorded) SEALIFT_TRY(write_record(context, record_, reason()));
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, payload_folder_of(record_)));
  for (const auto& path : unserved) SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  return {};
}

}  // namespace sealift::steps
