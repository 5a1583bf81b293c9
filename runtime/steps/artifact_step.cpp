// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/artifact_step.h"

#include <algorithm>
#include <format>
#include <iterator>
#include <set>

#include "runtime/steps/app_files.h"
#include "runtime/steps/app_objects.h"
#include "runtime/steps/files.h"

namespace sealift::steps {

namespace {

using host::ArtifactRecord;

ArtifactRecord unsigned_record(ArtifactRecord record) {
  record.delivered_by.clear();
  record.delivered_at.clear();
  return record;
}

Result<std::vector<AppObject>> objects_of(const Model& model, const SelectedApp& app) {
  std::vector<AppObject> out;
  SEALIFT_ASSIGN(const auto files, app_texts(model.payload, app));
  for (const auto& [path, text] : files) std::ranges::move(objects_in(text), std::back_inserter(out));
  return out;
}

// The site's needs that are other artifacts' applications; SelectedApp has only this one's.
void add_needs_elsewhere(const Model& model, const format::App& app, std::vector<std::string>& needs) {
  for (const auto& settings : model.config.applications) {
    if (settings.name != app.name && settings.name != app.part_of) continue;
    for (const auto& need : settings.needs) {
      const bool here = std::ranges::any_of(
          model.contents().apps, [&](const format::App& other) { return other.name == need || other.part_of == need; });
      if (!here) needs.push_back(need);
    }
  }
}

}  // namespace

Result<ArtifactRecord::App> recorded_app(const Model& model, const SelectedApp& app) {
  ArtifactRecord::App out{.name = app.app->name, .target_namespace = app.target_namespace, .release = app.release};
  out.kind = format::name(app.app->kind);
  out.version = app.app->version;
  out.part_of = app.app->part_of;
  out.is_network = app.app->is_network;
  out.needs = app.needs;
  add_needs_elsewhere(model, *app.app, out.needs);
  if (app.app->kind == format::AppKind::manifests) {
    SEALIFT_ASSIGN(out.objects, objects_of(model, app));
  }
  return out;
}

Result<std::vector<ArtifactRecord::App>> recorded_apps(const Model& model) {
  std::vector<ArtifactRecord::App> out;
  for (const auto& app : model.apps) {
    SEALIFT_ASSIGN(auto recorded, recorded_app(model, app));
    out.push_back(std::move(recorded));
  }
  return out;
}

Result<host::ArtifactRecord> artifact_record(const Model& model, const Node& node,
                                             std::vector<ArtifactRecord::App> apps) {
  const auto& contents = model.contents();
  host::ArtifactRecord out{.name = contents.name,
                           .version = contents.version,
                           .is_base = model.makes_cluster(),
                           .kubernetes = model.makes_cluster() ? model.base.kubernetes_version : "",
                           .identity = model.payload.identity(),
                           .payloads = {model.payload_path(node.config)},
                           .apps = std::move(apps),
                           .images = {},
                           .files = {},
                           .delivered_by = model.applied_by};
  SEALIFT_ASSIGN(out.files, claimed_files(model));
  std::set<std::string> selected;
  for (const auto& app : out.apps) selected.insert(app.name);
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
                digest_of({host::to_text(unsigned_record(record))})),
      record_(record),
      path_(std::format("{}/{}", host::kArtifactRecords, record.file_name())),
      payloads_(record.payloads.front().substr(0, record.payloads.front().rfind('/'))) {}

Result<engine::StepState> ArtifactStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto there, context.host.read(path_, host::kMaxArtifactRecord));
  if (!there) return engine::StepState::needed;
  auto known = host::parse_artifact_record(base::as_text(*there));
  const bool same = known && unsigned_record(std::move(*known)) == unsigned_record(record_);
  return same ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ArtifactStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(host::kArtifactRecords), {0755, 0, 0}, reason()));
  // The mirror starts with both folders in sight.
  SEALIFT_TRY(context.host.make_directory(payloads_, {0700, 0, 0}, reason()));
  auto record = record_;
  record.delivered_at = base::to_iso8601(context.clock.now());
  const auto text = host::to_text(record);
  base::MemorySource source(base::as_bytes(text));
  return context.host.write_atomic(path_, {0644, 0, 0}, source, reason());
}

}  // namespace sealift::steps
