// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/delivery.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

#include <algorithm>
#include <set>

#include "runtime/delivery/existing_site.h"
#include "runtime/delivery/outcome.h"
#include "runtime/delivery/survey.h"
#include "runtime/engine/runner.h"
#include "runtime/images/image_check.h"
#include "runtime/inspection/gather.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/plans/deliver.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/authority_change.h"
#include "runtime/steps/cluster_steps.h"
#include "runtime/steps/hook_step.h"
#include "runtime/steps/site_balancer.h"

namespace sealift::delivery {
namespace {

void note(const std::vector<checks::Finding>& findings, PlanOutcome& out) {
  for (const auto& finding : findings) {
    out.blocking += finding.blocks() ? 1 : 0;
    out.notes.push_back(base::format("{}: {}{}{}", finding.blocks() ? "must be solved" : "warning", finding.host,
                                     finding.host.empty() ? "" : " ", finding.text()));
  }
}

// Names that an artifact without a base does not have may be applications that the cluster has: only its hosts know.
Result<steps::Model> model_without_hosts(const Input& input, PlanOutcome& out) {
  const auto& contents = input.payload.contents();
  SEALIFT_TRY(check_existing(contents, input.config));
  format::BaseDocument base;
  if (contents.base_document) {
    SEALIFT_ASSIGN(base, steps::read_base(input.payload));
  }
  std::set<std::string> unknown;
  const auto elsewhere = [&](const std::string& app) {
    if (!contents.base_document) unknown.insert(app);
    return !contents.base_document;
  };
  SEALIFT_ASSIGN(auto apps, steps::select_apps(contents, input.config, elsewhere));
  SEALIFT_TRY(steps::change_files(input.payload, input.config, apps));
  SEALIFT_TRY(steps::check_hooks(contents, input.config, apps, elsewhere));
  for (const auto& app : unknown)
    out.notes.push_back(
        base::format("{} is not in this artifact; it must be an application that the cluster has", app));
  return steps::Model{input.payload, input.config, std::move(base), std::move(apps), {}};
}

// The site's balancer may be set up after the delivery: that it does not work is no failure of this.
void note_balancer(Input& input, const Survey& found, Outcome& out) {
  const auto& balancer = input.config.api.balancer;
  if (!balancer || !found.model->makes_cluster()) return;
  const auto host = found.connections->view(found.model->any_control_plane().name, input.cancel);
  const auto answer = host ? steps::ask_balancer(**host, *balancer, input.cancel) : fail(host.error());
  if (!answer)
    out.notes.push_back(
        base::format("no API server answers through the site's balancer {} yet ({}); `kubeconfig` names "
                     "it, so set it up for port {} of the control planes",
                     steps::name_of(*balancer), inspection::last_line(answer.error().what), input.config.api.port));
}

// What an earlier delivery installed, and neither this one nor another artifact has: it stays, but nobody looks after
// it.
void note_left(const Survey& found, const CancelToken& cancel, std::vector<std::string>& notes) {
  const auto host = found.connections->view(found.model->any_control_plane().name, cancel);
  if (!host) return;
  const auto records = (*host)->records(std::string(steps::kAppSteps));
  std::vector<std::string> left;
  for (const auto& record : records ? *records : std::vector<host::Reason>{}) {
    const auto name = record.step.substr(steps::kAppSteps.size());
    const bool here = std::ranges::any_of(found.model->apps, [&](const auto& app) { return app.app->name == name; });
    const bool elsewhere = std::ranges::any_of(found.model->others, [&](const host::ArtifactRecord& other) {
      return std::ranges::contains(other.apps, name, &host::ArtifactRecord::App::name);
    });
    if (!here && !elsewhere) left.push_back(base::printable(name));
  }
  if (!left.empty())
    notes.push_back(base::format("{} installed, but not among the applications of cluster.yaml: {}; {} as {}",
                                 left.size() == 1 ? "an application is" : "some applications are",
                                 base::join(left, ", "), left.size() == 1 ? "it stays" : "they stay",
                                 left.size() == 1 ? "it is" : "they are"));
}

// Whether the authority of the node services is to be replaced, or is just being replaced.
Result<std::optional<steps::AuthorityChange>> authority_change(const Input& input, const Survey& found) {
  if (!found.model->makes_cluster() && !input.config.existing) return std::nullopt;
  SEALIFT_ASSIGN(const auto first, found.connections->view(found.model->any_control_plane().name, input.cancel));
  SEALIFT_ASSIGN(const bool changes, steps::authority_changes(*first, input.renew_authority, input.cancel));
  if (!changes) return std::nullopt;
  steps::AuthorityChange out{input.renew_authority};
  for (const auto& [address, error] : found.aside) out.away.push_back(address);
  return out;
}

void note_waiting(const std::optional<steps::AuthorityChange>& change, std::vector<std::string>& notes) {
  if (change && !change->away.empty())
    notes.push_back(base::format(
        "the next certificate authority of the node services waits for {}: deliver again once that answers, or remove it",
        base::join(change->away, ", ")));
}

}  // namespace

Result<Outcome> run_plan(Input& input, const Survey& found, const engine::Plan& planned) {
  engine::RunOptions options;
  options.limits.applications = input.config.apps_at_once;
  SEALIFT_ASSIGN(const auto summary, engine::run(planned, *found.connections, input.events, input.clock, input.journal,
                                                 input.cancel, options));
  auto out = to_outcome(summary, found.model->nodes, found.aside, input.config);
  out.applications = application_outcomes(summary, found.model->apps);
  if (const auto note = steps::upstreams(*found.model).note; !note.empty() && !input.config.existing)
    out.notes.push_back(note);
  if (!out.error || out.error->code == ErrorCode::partial) note_balancer(input, found, out);
  if (!summary.ended_by) note_left(found, input.cancel, out.notes);
  return out;
}

Result<PlanOutcome> look_at_plan(Input& input, const Survey& found, const engine::Plan& planned) {
  PlanOutcome out;
  note(found.findings, out);
  for (const auto& [address, error] : found.aside)
    out.notes.push_back(base::format("{} is left out: {}", address, error.text()));
  // An API server that hangs is waited for, which can take minutes.
  tell_phase(input, "Looking at what each step would do");
  note_left(found, input.cancel, out.notes);
  SEALIFT_ASSIGN(const auto looked, engine::look(planned, *found.connections, input.cancel));
  for (const auto& step : looked.steps) {
    using Finding = engine::LookedStep::Finding;
    const auto state = step.finding == Finding::done     ? PlanLine::State::done
                       : step.finding == Finding::needed ? PlanLine::State::needed
                                                         : PlanLine::State::unknown;
    out.lines.push_back({step.host, step.step, step.description, state});
  }
  if (looked.ended_by) return fail(*looked.ended_by);
  return out;
}

Result<Outcome> apply(Input& input) {
  SEALIFT_ASSIGN(const auto found, survey(input, host::Purpose::change));
  if (auto error = blocking(found.findings)) return fail(std::move(*error));
  SEALIFT_ASSIGN(const auto change, authority_change(input, found));
  SEALIFT_ASSIGN(const auto planned, plans::deliver(*found.model, change));
  SEALIFT_ASSIGN(auto out, run_plan(input, found, planned));
  note_waiting(change, out.notes);
  return out;
}

Result<PlanOutcome> plan(Input& input) {
  PlanOutcome out;
  if (input.offline) {
    // All that can be checked without the hosts: that artifact and configuration fit together.
    SEALIFT_ASSIGN(const auto model, model_without_hosts(input, out));
    std::vector<checks::Finding> findings;
    if (model.makes_cluster()) {
      SEALIFT_TRY(kube::check_documents({model.base, input.config, {}, false, false}));
      SEALIFT_ASSIGN(findings, images::check_images(model, input.charts, input.cancel));
    } else {
      out.notes.emplace_back(
          "the artifact goes onto a cluster that is there: whether that fits, and whether the artifact has every image "
          "that its charts ask for with this site's values, is checked once the hosts can be asked");
    }
    note(findings, out);
    out.notes.push_back(base::format(
        "{} for {}, {}; the hosts were not looked at",
        model.makes_cluster() ? "Kubernetes " + model.base.kubernetes_version : input.payload.artifact_name(),
        base::counted(input.config.hosts.size(), "host", "hosts"),
        base::counted(model.apps.size(), "application", "applications")));
    for (const auto& app : model.apps)
      out.lines.push_back({"", "app." + app.app->name, "install " + app.app->name + " into " + app.target_namespace,
                           PlanLine::State::unknown});
    return out;
  }
  SEALIFT_ASSIGN(const auto found, survey(input, host::Purpose::look));
  SEALIFT_ASSIGN(const auto change, authority_change(input, found));
  SEALIFT_ASSIGN(const auto planned, plans::deliver(*found.model, change));
  SEALIFT_ASSIGN(out, look_at_plan(input, found, planned));
  note_waiting(change, out.notes);
  return out;
}

}  // namespace sealift::delivery
