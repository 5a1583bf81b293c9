// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/app_rollback.h"

#include <algorithm>
#include <ranges>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/app_site.h"
#include "runtime/delivery/outcome.h"
#include "runtime/engine/runner.h"
#include "runtime/plans/app_rollback.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/helm.h"

namespace sealift::delivery {
namespace {

std::string listed(const std::vector<steps::Revision>& revisions) {
  std::vector<std::string> out;
  for (const auto& one : revisions) out.push_back(base::format("{} ({}, {})", one.number, one.chart, one.status));
  return base::printable(base::join(out, ", "), 2000);
}

constexpr std::string_view kRollbackTo = "Rollback to ";  // helm's description

// `is_installed`: a delivery's version counts as installed. If none does since a rollback, that is meant again: it may
// have been cut.
Result<steps::Revision> choose(const std::vector<steps::Revision>& revisions, const RollbackOptions& options,
                               bool is_installed) {
  auto wanted = options.revision;
  const auto& newest = revisions.back().description;
  if (!wanted && !is_installed && newest.starts_with(kRollbackTo))
    wanted = base::parse_u64(newest.substr(kRollbackTo.size()));
  if (wanted) {
    const auto found = std::ranges::find(revisions, *wanted, &steps::Revision::number);
    if (found != revisions.end()) return *found;
    return fail(ErrorCode::not_found, "{} has no revision {}; helm knows {}", options.app, *wanted, listed(revisions));
  }
  for (const auto& one : revisions | std::views::reverse | std::views::drop(1)) {
    if (one.status == "superseded" || one.status == steps::kDeployed) return one;
  }
  return fail(ErrorCode::not_found, "{} has no former revision that stood; helm knows {}", options.app,
              listed(revisions));
}

Result<steps::SelectedApp> find(const AppSite& site, const std::string& name) {
  const auto recorded = find_recorded(site, name);
  const auto* packed = site.model->contents().find_app(name);
  if (recorded.empty())
    return fail(packed == nullptr ? unknown_app(site, name)
                                  : Error{ErrorCode::not_found, base::format("{} is not installed", name), {}});
  if (recorded.size() > 1 || recorded.front().name != name)
    return fail(ErrorCode::usage, "{} stands for several charts; name one of them", name);
  if (packed == nullptr)
    return fail(ErrorCode::not_in_artifact,
                "{} was not installed from the artifact {}; use the one that it came with (--payload)", name,
                site.model->payload.artifact_name());
  if (packed->kind != format::AppKind::helm)
    return fail(
        ErrorCode::unsupported,
        "{} consists of manifests, of which Kubernetes keeps no former ones; deliver the artifact that had them", name);
  return from_artifact(*site.model, *packed, &recorded.front());
}

}  // namespace

Result<Outcome> rollback_app(Input& input, const RollbackOptions& options) {
  SEALIFT_ASSIGN(const auto site, look_at_apps(input));
  const auto& model = *site.model;
  SEALIFT_ASSIGN(const auto app, find(site, options.app));
  const auto& first = model.any_control_plane().name;
  SEALIFT_ASSIGN(const auto host, site.connections->view(first, input.cancel));
  if (!site.installed.releases.contains({app.release, app.target_namespace}))
    return fail(ErrorCode::not_found, "{} is not installed: there is no release {} in {}", options.app, app.release,
                app.target_namespace);
  SEALIFT_ASSIGN(const auto revisions, steps::revisions_of(*host, app.release, app.target_namespace, input.cancel));
  if (revisions.empty()) return fail(ErrorCode::not_found, "helm knows no revision of {}", app.release);
  SEALIFT_ASSIGN(const auto revision,
                 choose(revisions, options, site.installed.records.contains(steps::app_step(app))));
  tell_phase(input, base::format("Taking {} back to revision {} ({})", options.app, revision.number, revision.chart));
  const auto plan = plans::rollback_app(model, app, revision, revisions.back().number);
  SEALIFT_ASSIGN(const auto summary,
                 engine::run(plan, *site.connections, input.events, input.clock, input.journal, input.cancel));
  auto out = to_outcome(summary, model.nodes, {}, input.config);
  std::erase_if(out.hosts, [](const HostOutcome& one) { return one.state == HostOutcome::State::done; });
  out.kind = Outcome::Kind::app_rollback;
  ApplicationOutcome of_app{
      .name = options.app,
      .state = app.waits_for_health ? ApplicationOutcome::State::healthy : ApplicationOutcome::State::applied,
      .changed = true};
  if (out.error) {
    of_app.state = ApplicationOutcome::State::failed;
    of_app.reason = out.error->text();
  }
  out.applications.push_back(std::move(of_app));
  out.notes.push_back(
      base::format("the next apply installs what {} and its artifact say again; change them first, or "
                   "deliver the artifact of revision {}",
                   input.config.path, revision.number));
  return out;
}

}  // namespace sealift::delivery
