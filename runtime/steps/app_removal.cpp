// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_removal.h"

#include <algorithm>
#include <ranges>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/steps/helm.h"
#include "runtime/steps/helm_release.h"

namespace sealift::steps {
namespace {

constexpr Duration kGoneWithin{600'000};  // pods may take their time to end

std::string name_of(const std::pair<std::string, std::string>& claim) { return claim.first + "/" + claim.second; }

// Of a kind whose definition has gone: so have its objects.
bool is_unknown_kind(const Error& error) {
  return error.code == ErrorCode::command_failed &&
         (error.what.contains("no matches for kind") || error.what.contains("the server doesn't have a resource type"));
}

// One kind after the other, last installed first: what others need, such as a controller for what it has made, is still
// there while they go.
std::vector<std::vector<AppObject>> by_kind(const std::vector<AppObject>& objects) {
  std::vector<std::vector<AppObject>> out;
  for (const auto& object : objects | std::views::reverse) {
    const auto same = std::ranges::find_if(out, [&](const std::vector<AppObject>& kind) {
      return kind.front().kind == object.kind && kind.front().api_version == object.api_version;
    });
    if (same == out.end())
      out.push_back({object});
    else
      same->push_back(object);
  }
  return out;
}

}  // namespace

RemoveAppStep::RemoveAppStep(host::ArtifactRecord::App app, AppData data, std::shared_ptr<ClusterApps> shared,
                             LeftBehind& left)
    : BasicStep("remove.app." + app.name,
                base::format("remove {} from {}{}", app.name, app.target_namespace,
                             data == AppData::goes ? " with its data" : ""),
                digest_of({app.name, data == AppData::goes ? "with data" : ""})),
      app_(std::move(app)),
      data_(data),
      shared_(std::move(shared)),
      left_(left) {}

Result<engine::StepState> RemoveAppStep::check(const engine::LookContext&) { return engine::StepState::needed; }

bool RemoveAppStep::stays(const AppObject& object) const {
  if (object.kind == "Namespace") return true;
  return data_ == AppData::stays &&
         (object.kind == "PersistentVolumeClaim" || object.kind == "CustomResourceDefinition");
}

Result<RemoveAppStep::There> RemoveAppStep::look(engine::StepContext& context) const {
  if (app_.kind != format::name(format::AppKind::helm)) return There{false, app_.objects};
  SEALIFT_ASSIGN(const auto installed, shared_->installed(context.looking()));
  if (!installed->releases.contains({app_.release, app_.target_namespace})) return There{};
  const auto ask = helm({"get", "manifest", app_.release, "--namespace", app_.target_namespace});
  SEALIFT_ASSIGN(const auto manifest, base::output_of(ask, context.host.query(ask, {}, context.cancel)));
  return There{true, objects_in(manifest)};
}

Result<void> RemoveAppStep::apply(engine::StepContext& context) {
  auto done = take_out(context).and_then([&] { return settle_claims(context); });
  // Another attempt begins with what is there then.
  shared_->forget();
  if (!done) return fail_while(std::move(done).error(), "removing " + app_.name);
  return done;
}

Result<void> RemoveAppStep::take_out(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const bool waited, wait_for_helm(context, "sealift-app-" + app_.name, app_.name, kGoneWithin));
  if (waited) shared_->forget();
  SEALIFT_ASSIGN(const auto there, look(context));
  SEALIFT_ASSIGN(const auto claims, claims_of(context.host, there.objects, app_.target_namespace, context.cancel));
  SEALIFT_TRY(label_claims(context.host, claims, app_.name, reason(), context.cancel));
  left_.namespaces.clear();
  left_.definitions.clear();
  for (const auto& object : there.objects) {
    if (object.kind == "Namespace") left_.namespaces.push_back(object.name);
    if (object.kind == "CustomResourceDefinition" && stays(object)) left_.definitions.push_back(object.name);
  }
  return there.release ? uninstall(context, there) : delete_objects(context, there.objects);
}

Result<void> RemoveAppStep::uninstall(engine::StepContext& context, const There& there) const {
  const auto is_spared = [&](const AppObject& object) { return stays(object); };
  if (std::ranges::any_of(there.objects, is_spared)) {
    SEALIFT_ASSIGN(const auto revisions,
                   revisions_of(context.host, app_.release, app_.target_namespace, context.cancel));
    if (!revisions.empty())
      SEALIFT_TRY(spare_objects(context.host, app_.release, app_.target_namespace, revisions.back().number, is_spared,
                                reason(), context.cancel));
  }
  const auto command = helm({"uninstall", app_.release, "--namespace", app_.target_namespace, "--wait", "--timeout",
                             base::format("{}s", kGoneWithin.count() / 1000)},
                            kGoneWithin);
  // The second time if it was the answer of a job that an earlier run had started.
  for (int attempt = 0; attempt < 2; ++attempt) {
    SEALIFT_TRY(base::output_of(
        command, context.host.run_job("sealift-remove-" + app_.name, command, reason(), context.cancel)));
    shared_->forget();
    SEALIFT_ASSIGN(const auto installed, shared_->installed(context.looking()));
    if (!installed->releases.contains({app_.release, app_.target_namespace})) return {};
  }
  return fail(ErrorCode::command_failed, "helm has uninstalled the release {} in {}, and it is still there",
              app_.release, app_.target_namespace);
}

Result<void> RemoveAppStep::delete_objects(engine::StepContext& context, const std::vector<AppObject>& objects) const {
  std::vector<AppObject> going;
  std::ranges::copy_if(objects, std::back_inserter(going), [&](const AppObject& object) { return !stays(object); });
  // Definitions last: with one, all objects of its kind go.
  std::ranges::stable_partition(going,
                                [](const AppObject& object) { return object.kind == "CustomResourceDefinition"; });
  for (const auto& kind : by_kind(going)) SEALIFT_TRY(delete_kind(context, kind));
  return {};
}

Result<void> RemoveAppStep::delete_kind(engine::StepContext& context, const std::vector<AppObject>& objects) const {
  const auto text = manifests_of(objects, app_.target_namespace);
  base::CommandIo io;
  io.input = base::as_bytes(text);
  // In the foreground: an object is there until its pods have ended.
  const auto command =
      kubectl({"delete", "--filename", "-", "--ignore-not-found", "--wait=false", "--cascade=foreground"});
  const auto deleted = base::output_of(command, context.host.run(command, io, reason(), context.cancel));
  if (!deleted) return is_unknown_kind(deleted.error()) ? Result<void>{} : fail(deleted.error());
  return wait_until(context, kGoneWithin, ErrorCode::unhealthy,
                    base::format("objects of {} are deleted but do not go ({})", app_.name, objects.front().kind),
                    [&](std::string& message) -> Result<bool> {
                      const auto there =
                          kubectl_get(context.host, {"get", "--filename", "-", "--ignore-not-found", "-o", "name"},
                                      context.cancel, base::as_bytes(text));
                      if (!there && is_unknown_kind(there.error())) return true;
                      SEALIFT_TRY(there);
                      message = base::printable(base::trim(*there));
                      return message.empty();
                    });
}

Result<void> RemoveAppStep::settle_claims(engine::StepContext& context) {
  SEALIFT_ASSIGN(auto claims, labelled_claims(context.host, app_.name, context.cancel));
  if (data_ == AppData::goes) {
    for (const auto& [space, name] : claims) {
      SEALIFT_TRY(kubectl_do(
          context.host,
          {"delete", "persistentvolumeclaim", name, "--namespace=" + space, "--ignore-not-found", "--wait=false"},
          reason(), context.cancel));
    }
    SEALIFT_TRY(wait_until(context, kGoneWithin, ErrorCode::unhealthy,
                           base::format("the claims of {} are deleted but do not go", app_.name),
                           [&](std::string& message) -> Result<bool> {
                             SEALIFT_ASSIGN(claims, labelled_claims(context.host, app_.name, context.cancel));
                             message = claims.empty() ? "" : name_of(*claims.begin()) + " is still used by a pod";
                             return claims.empty();
                           }));
  }
  left_.claims.clear();
  for (const auto& claim : claims) left_.claims.push_back(name_of(claim));
  return {};
}

}  // namespace sealift::steps
