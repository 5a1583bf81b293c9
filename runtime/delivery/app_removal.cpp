// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/app_removal.h"

#include <algorithm>
#include <map>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/app_site.h"
#include "runtime/delivery/outcome.h"
#include "runtime/engine/runner.h"
#include "runtime/plans/app_removal.h"
#include "runtime/steps/app_claims.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/artifact_step.h"
#include "runtime/steps/forget_app.h"

namespace sealift::delivery {
namespace {

using App = host::ArtifactRecord::App;

bool needs(const App& app, const App& other) {
  return std::ranges::contains(app.needs, other.name) ||
         (!other.part_of.empty() && app.part_of != other.part_of && std::ranges::contains(app.needs, other.part_of));
}

class Remover {
 public:
  Remover(Input& input, const RemoveAppsOptions& options, AppSite site)
      : input_(input), options_(options), site_(std::move(site)) {}

  Result<Outcome> run() {
    for (const auto& name : options_.names) SEALIFT_TRY(find(name));
    SEALIFT_TRY(check_needs());
    put_in_order();
    return carry_out();
  }

 private:
  // --- what goes ---

  Result<void> find(const std::string& name) {
    const auto recorded = find_recorded(site_, name);
    for (const auto& app : recorded) {
      SEALIFT_ASSIGN(auto whole, completed(app));
      SEALIFT_TRY(add(std::move(whole)));
    }
    if (!recorded.empty()) return {};
    // Of a cluster that has no records of artifacts yet, or nothing.
    bool known = false;
    for (const auto& app : site_.model->contents().apps) {
      if (app.name != name && app.part_of != name) continue;
      known = true;
      SEALIFT_ASSIGN(const auto selected, from_artifact(*site_.model, app, nullptr));
      const bool there = site_.installed.records.contains(steps::app_step(selected)) ||
                         (app.kind == format::AppKind::helm &&
                          site_.installed.releases.contains({selected.release, selected.target_namespace}));
      if (!there) {
        notes_.push_back(base::format("{} is not installed", app.name));
        continue;
      }
      SEALIFT_ASSIGN(auto one, steps::recorded_app(*site_.model, selected));
      SEALIFT_TRY(add(std::move(one)));
    }
    return known ? Result<void>{} : fail(unknown_app(site_, name));
  }

  const format::App* in_hand(const App& app) const {
    for (const auto& record : site_.records) {
      if (!std::ranges::contains(record.apps, app.name, &App::name)) continue;
      const bool same = record.is_base ? site_.model->makes_cluster() : record.name == site_.model->contents().name;
      return same ? site_.model->contents().find_app(app.name) : nullptr;
    }
    return nullptr;
  }

  // Records of earlier versions do not tell what the application is.
  Result<App> completed(const App& app) const {
    if (!app.kind.empty()) return app;
    const auto* packed = in_hand(app);
    if (packed == nullptr)
      return fail(ErrorCode::unsupported,
                  "an earlier version of Sealift recorded {}, and not what it consists of; use the artifact that it "
                  "came with (--payload), or deliver that once more",
                  app.name);
    SEALIFT_ASSIGN(const auto selected, from_artifact(*site_.model, *packed, &app));
    return steps::recorded_app(*site_.model, selected);
  }

  Result<void> add(App app) {
    if (app.is_network)
      return fail(ErrorCode::preflight,
                  "{} is the pod network, without which no application runs; only the whole cluster can be undone "
                  "(`reset`)",
                  app.name);
    if (!goes(app.name)) going_.push_back(std::move(app));
    return {};
  }

  bool goes(const std::string& name) const { return std::ranges::contains(going_, name, &App::name); }

  // --- whether the others can stay ---

  Result<void> check_needs() const {
    std::string why;
    std::vector<std::string> too;
    for (const auto& record : site_.records) {
      for (const auto& other : record.apps) {
        if (goes(other.name)) continue;
        App staying = other;
        if (const auto* packed = other.kind.empty() ? in_hand(other) : nullptr) staying.needs = packed->needs;
        for (const auto& app : going_) {
          if (!needs(staying, app)) continue;
          why += base::format("\n  {} needs {}", other.name, app.name);
          if (!std::ranges::contains(too, "--app " + other.name)) too.push_back("--app " + other.name);
        }
      }
    }
    if (why.empty()) return {};
    return fail(ErrorCode::preflight, "other applications would be left without what they need:{}\nRemove them too: {}",
                why, base::join(too, " "));
  }

  // Each before those that it needs.
  void put_in_order() {
    std::vector<App> ordered;
    while (!going_.empty()) {
      auto next = std::ranges::find_if(going_, [&](const App& app) {
        return std::ranges::none_of(going_, [&](const App& other) { return &other != &app && needs(other, app); });
      });
      if (next == going_.end()) next = going_.begin();  // in a circle: any of them
      ordered.push_back(std::move(*next));
      going_.erase(next);
    }
    going_ = std::move(ordered);
  }

  // --- the removal ---

  Result<Outcome> carry_out() {
    tell_phase(input_, "Removing " + base::counted(going_.size(), "application", "applications"));
    const plans::AppRemoval removal{*site_.model, going_,
                                    options_.with_data ? steps::AppData::goes : steps::AppData::stays, left_};
    const auto plan = plans::remove_apps(removal);
    SEALIFT_ASSIGN(const auto summary,
                   engine::run(plan, *site_.connections, input_.events, input_.clock, input_.journal, input_.cancel));
    auto out = to_outcome(summary, site_.model->nodes, {}, input_.config);
    std::erase_if(out.hosts, [](const HostOutcome& host) { return host.state == HostOutcome::State::done; });
    for (const auto& app : going_) out.applications.push_back(outcome_of(app.name, summary));
    out.kind = Outcome::Kind::app_removal;
    note(out);
    return out;
  }

  ApplicationOutcome outcome_of(const std::string& app, const engine::RunSummary& summary) const {
    using State = ApplicationOutcome::State;
    using engine::StepStatus;
    ApplicationOutcome out{.name = app, .state = State::removed, .changed = true};
    for (const auto& end : summary.alone) {
      const bool removes = end.step == "remove.app." + app;
      if (!removes && end.step != "forget.app." + app) continue;
      if (end.status == StepStatus::done || end.status == StepStatus::skipped) continue;
      out.state = removes && end.status != StepStatus::failed ? State::not_tried : State::failed;
      out.changed = false;
      out.reason = end.error ? end.error->text() : "the run ended first";
      break;
    }
    return out;
  }

  // --- what came of it ---

  // Whether the next apply would install it again.
  bool is_selected(const App& app) const {
    const auto& config = input_.config;
    const auto is_it = [&](const std::string& name) {
      return name == app.name || (!app.part_of.empty() && name == app.part_of);
    };
    const bool disabled = std::ranges::any_of(config.applications, [&](const config::ApplicationConfig& settings) {
      return is_it(settings.name) && !settings.enabled;
    });
    if (disabled) return false;
    if (config.apps) return std::ranges::any_of(*config.apps, is_it);
    return std::ranges::any_of(site_.model->contents().launch, is_it);
  }

  void note(Outcome& out) {
    std::vector<std::string> again;
    auto records = site_.records;
    for (const auto& app : out.applications) {
      if (app.state != ApplicationOutcome::State::removed) continue;
      note_left(app.name);
      const auto gone = std::ranges::find(going_, app.name, &App::name);
      if (is_selected(*gone)) again.push_back(app.name);
      for (auto& record : records) std::erase_if(record.apps, [&](const App& one) { return one.name == app.name; });
    }
    for (size_t i = 0; i < records.size(); ++i) {
      if (steps::is_spent(records[i]) && !steps::is_spent(site_.records[i]))
        notes_.push_back(
            base::format("the artifact {} has no application left: its payload was taken off the hosts "
                         "that served it",
                         records[i].title()));
    }
    if (!again.empty())
      notes_.push_back(
          base::format("{} still selects {}: the next apply installs {} again; take {} out of spec.apps, or "
                       "set `enabled: false`",
                       input_.config.path, base::join(again, ", "), again.size() == 1 ? "it" : "them",
                       again.size() == 1 ? "it" : "them"));
    out.notes.insert(out.notes.end(), notes_.begin(), notes_.end());
  }

  void note_left(const std::string& app) {
    const auto& left = left_.at(app);
    if (!left.claims.empty())
      notes_.push_back(base::format(
          "{}: its data stays in {} (kubectl delete persistentvolumeclaims --all-namespaces --selector {}={} deletes {})",
          app, base::join(left.claims, ", "), steps::kAppLabel, app, left.claims.size() == 1 ? "it" : "them"));
    if (!left.definitions.empty())
      notes_.push_back(base::format("{}: its definitions stay, with all objects of their kinds: {}", app,
                                    base::join(left.definitions, ", ")));
    if (!left.namespaces.empty())
      notes_.push_back(base::format("{}: {} {}, since others may use {}: {}", app,
                                    left.namespaces.size() == 1 ? "its namespace" : "its namespaces",
                                    left.namespaces.size() == 1 ? "stays" : "stay",
                                    left.namespaces.size() == 1 ? "it" : "them", base::join(left.namespaces, ", ")));
  }

  Input& input_;
  const RemoveAppsOptions& options_;
  AppSite site_;
  std::vector<App> going_;
  std::map<std::string, steps::LeftBehind> left_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<Outcome> remove_apps(Input& input, const RemoveAppsOptions& options) {
  SEALIFT_ASSIGN(auto site, look_at_apps(input));
  return Remover(input, options, std::move(site)).run();
}

}  // namespace sealift::delivery
