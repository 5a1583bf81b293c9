// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/artifact_step.h"

#include <algorithm>
#include <iterator>

#include "payload/base/format.h"
#include "runtime/steps/app_files.h"
#include "runtime/steps/app_objects.h"
#include "runtime/steps/files.h"

namespace sealift::steps {

namespace {

using host::ArtifactRecord;

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

// What is recorded of this version alone.
Result<ArtifactRecord> own_record(const Model& model, const Node& node, std::vector<ArtifactRecord::App> apps) {
  const auto& contents = model.contents();
  ArtifactRecord out{.name = contents.name,
                     .version = contents.version,
                     .is_base = model.makes_cluster(),
                     .kubernetes = model.makes_cluster() ? model.base.kubernetes_version : "",
                     .identity = model.payload.identity(),
                     .payloads = {model.payload_path(node.config)},
                     .is_served = model.is_registry_host(node) || model.leaves_registry(node),
                     .apps = std::move(apps),
                     .images = {},
                     .files = {},
                     .delivered_by = model.applied_by};
  SEALIFT_ASSIGN(out.files, claimed_files(model));
  std::ranges::sort(out.apps, {}, &ArtifactRecord::App::name);
  for (const auto* image : model.selected_images()) out.images.emplace(image->name, image->root.digest);
  return out;
}

bool has_app(const ArtifactRecord& record, const ArtifactRecord::App& app) {
  return std::ranges::contains(record.apps, app.name, &ArtifactRecord::App::name);
}

// What wins is the new version's.
ArtifactRecord with_former(ArtifactRecord own, const ArtifactRecord& before) {
  for (const auto& app : before.apps) {
    if (!has_app(own, app)) own.apps.push_back(app);
  }
  std::ranges::sort(own.apps, {}, &ArtifactRecord::App::name);
  for (const auto& path : before.payloads) {
    if (path != own.payloads.front()) own.payloads.push_back(path);
  }
  own.images.insert(before.images.begin(), before.images.end());
  return own;
}

// Who recorded it, and when, makes no difference.
ArtifactRecord unsigned_record(ArtifactRecord record) {
  record.delivered_by.clear();
  record.delivered_at.clear();
  return record;
}

}  // namespace

std::string record_path(const ArtifactRecord& record) {
  return base::format("{}/{}", host::kArtifactRecords, record.file_name());
}

Result<ArtifactRecord::App> recorded_app(const Model& model, const SelectedApp& app) {
  ArtifactRecord::App out{.name = app.app->name, .target_namespace = app.target_namespace, .release = app.release};
  out.kind = format::name(app.app->kind);
  out.version = app.app->version;
  out.part_of = app.app->part_of;
  out.files = files_digest(model.contents(), *app.app).hex();
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

Result<ArtifactRecord> artifact_record(const Model& model, const Node& node, std::vector<ArtifactRecord::App> apps) {
  SEALIFT_ASSIGN(auto own, own_record(model, node, std::move(apps)));
  return model.before ? with_former(std::move(own), *model.before) : own;
}

Result<ArtifactRecord> settled_artifact_record(const Model& model, const Node& node,
                                               std::vector<ArtifactRecord::App> apps) {
  SEALIFT_ASSIGN(auto own, own_record(model, node, std::move(apps)));
  own.is_served = model.is_registry_host(node);
  const auto stays = [&](const ArtifactRecord::App& app) { return !has_app(own, app); };
  const bool is_needed = model.before && std::ranges::any_of(model.before->apps, stays);
  return is_needed ? with_former(std::move(own), *model.before) : own;
}

std::string payload_folder_of(const ArtifactRecord& record) {
  return record.payloads.front().substr(0, record.payloads.front().rfind('/'));
}

Result<bool> is_recorded(host::HostView& host, const ArtifactRecord& record) {
  SEALIFT_ASSIGN(const auto there, host.read(record_path(record), host::kMaxArtifactRecord));
  if (!there) return false;
  auto known = host::parse_artifact_record(base::as_text(*there));
  return known && unsigned_record(std::move(*known)) == unsigned_record(record);
}

Result<void> write_record(engine::StepContext& context, ArtifactRecord record, const host::Reason& reason) {
  record.delivered_at = base::to_iso8601(context.clock.now());
  const auto text = host::to_text(record);
  base::MemorySource source(base::as_bytes(text));
  return context.host.write_atomic(record_path(record), {0644, 0, 0}, source, reason);
}

ArtifactStep::ArtifactStep(const ArtifactRecord& record)
    : BasicStep("artifact.record", base::format("record the artifact {}", record.title()),
                digest_of({host::to_text(unsigned_record(record))})),
      record_(record) {}

Result<engine::StepState> ArtifactStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool same, is_recorded(context.host, record_));
  return same ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ArtifactStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(host::kArtifactRecords), {0755, 0, 0}, reason()));
  // The mirror starts with both folders in sight.
  SEALIFT_TRY(context.host.make_directory(payload_folder_of(record_), {0700, 0, 0}, reason()));
  return write_record(context, record_, reason());
}

}  // namespace sealift::steps
