// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/artifact_step.h"

#include <algorithm>
#include <format>
#include <set>

#include "runtime/steps/files.h"

namespace sealift::steps {

namespace {

std::string folder_of_payloads(const host::ArtifactRecord& record) {
  return record.payloads.front().substr(0, record.payloads.front().rfind('/'));
}

Result<host::ArtifactRecord> own_record(const Model& model, const Node& node) {
  const auto& contents = model.contents();
  host::ArtifactRecord out{.name = contents.name,
                           .version = contents.version,
                           .is_base = model.makes_cluster(),
                           .kubernetes = model.makes_cluster() ? model.base.kubernetes_version : "",
                           .identity = model.payload.identity(),
                           .payloads = {model.payload_path(node.config)},
                           .apps = {},
                           .images = {},
                           .files = {}};
  SEALIFT_ASSIGN(out.files, claimed_files(model));
  for (const auto& app : model.apps) out.apps.push_back({app.app->name, app.target_namespace, app.release});
  std::ranges::sort(out.apps, {}, &host::ArtifactRecord::App::name);
  for (const auto* image : model.selected_images()) out.images.emplace(image->name, image->root.digest);
  return out;
}

// What wins is the new version's.
host::ArtifactRecord with_former(host::ArtifactRecord own, const host::ArtifactRecord& before) {
  for (const auto& app : before.apps) {
    if (!std::ranges::contains(own.apps, app.name, &host::ArtifactRecord::App::name)) own.apps.push_back(app);
  }
  std::ranges::sort(own.apps, {}, &host::ArtifactRecord::App::name);
  for (const auto& path : before.payloads) {
    if (path != own.payloads.front()) own.payloads.push_back(path);
  }
  own.images.insert(before.images.begin(), before.images.end());
  return own;
}

}  // namespace

Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node) {
  SEALIFT_ASSIGN(auto own, own_record(model, node));
  return model.before ? with_former(std::move(own), *model.before) : own;
}

Result<host::ArtifactRecord> settled_artifact_record(const Model& model, const Node& node) {
  SEALIFT_ASSIGN(auto own, own_record(model, node));
  const auto stays = [&](const host::ArtifactRecord::App& app) {
    return !std::ranges::contains(own.apps, app.name, &host::ArtifactRecord::App::name);
  };
  const bool is_needed = model.before && std::ranges::any_of(model.before->apps, stays);
  return is_needed ? with_former(std::move(own), *model.before) : own;
}

std::string path_of(const host::ArtifactRecord& record) {
  return std::format("{}/{}", host::kArtifactRecords, record.file_name());
}

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

ArtifactStep::ArtifactStep(const host::ArtifactRecord& record)
    : BasicStep("artifact.record", std::format("record the artifact {}", record.title()),
                digest_of({host::to_text(record)})),
      path_(path_of(record)),
      text_(host::to_text(record)),
      payloads_(folder_of_payloads(record)) {}

Result<engine::StepState> ArtifactStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto there, context.host.read(path_, host::kMaxArtifactRecord));
  return there && base::as_text(*there) == text_ ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ArtifactStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(host::kArtifactRecords), {0755, 0, 0}, reason()));
  // The mirror starts with both folders in sight.
  SEALIFT_TRY(context.host.make_directory(payloads_, {0700, 0, 0}, reason()));
  base::MemorySource source(base::as_bytes(text_));
  return context.host.write_atomic(path_, {0644, 0, 0}, source, reason());
}

SettleStep::SettleStep(const host::ArtifactRecord& record)
    : BasicStep("artifact.settle", std::format("take away what only an earlier version than {} needed", record.title()),
                digest_of({host::to_text(record)})),
      path_(path_of(record)),
      text_(host::to_text(record)),
      payloads_(folder_of_payloads(record)) {}

Result<engine::StepState> SettleStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto there, context.host.read(path_, host::kMaxArtifactRecord));
  if (!there || base::as_text(*there) != text_) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, payloads_));
  return unserved.empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> SettleStep::apply(engine::StepContext& context) {
  base::MemorySource source(base::as_bytes(text_));
  SEALIFT_TRY(context.host.write_atomic(path_, {0644, 0, 0}, source, reason()));
  SEALIFT_ASSIGN(const auto unserved, unserved_payloads(context.host, payloads_));
  for (const auto& path : unserved) SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  return {};
}

}  // namespace sealift::steps
