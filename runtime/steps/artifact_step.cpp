// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/artifact_step.h"

#include <algorithm>
#include <format>
#include <set>

#include "runtime/steps/files.h"

namespace sealift::steps {

Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node) {
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
  std::set<std::string> selected;
  for (const auto& app : model.apps) {
    out.apps.push_back({app.app->name, app.target_namespace, app.release});
    selected.insert(app.app->name);
  }
  std::ranges::sort(out.apps, {}, &host::ArtifactRecord::App::name);
  for (const auto* image : model.selected_images()) out.images.emplace(image->name, image->root.digest);
  if (!model.before) return out;
  const auto& before = *model.before;
  bool has_left = false;
  for (const auto& app : before.apps) {
    if (selected.contains(app.name)) continue;
    out.apps.push_back(app);
    has_left = true;
  }
  std::ranges::sort(out.apps, {}, &host::ArtifactRecord::App::name);
  if (!has_left) return out;
  for (const auto& path : before.payloads) {
    if (path != out.payloads.front()) out.payloads.push_back(path);
  }
  out.images.insert(before.images.begin(), before.images.end());
  return out;
}

ArtifactStep::ArtifactStep(const host::ArtifactRecord& record)
    : BasicStep("artifact.record", std::format("record the artifact {}", record.title()),
                digest_of({host::to_text(record)})),
      path_(std::format("{}/{}", host::kArtifactRecords, record.file_name())),
      text_(host::to_text(record)),
      payloads_(record.payloads.front().substr(0, record.payloads.front().rfind('/'))) {}

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

}  // namespace sealift::steps
