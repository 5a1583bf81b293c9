// SPDX-License-Identifier: Apache-2.0
#include "runtime/images/image_check.h"

#include <algorithm>
#include <set>

#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"
#include "payload/charts/known_images.h"
#include "payload/charts/packed_rules.h"
#include "payload/charts/render.h"
#include "payload/workloads/rules.h"
#include "runtime/images/values_search.h"
#include "runtime/steps/apps.h"

namespace sealift::images {
namespace {

using checks::Finding;
using checks::Severity;

// A pod's own image, not a setting that may be one.
bool is_container(std::string_view path) { return path.contains("ontainers[") && path.ends_with("].image"); }

class ImageCheck {
 public:
  ImageCheck(const steps::Model& model, ChartRenderer& renderer, const CancelToken& cancel)
      : model_(model), renderer_(renderer), cancel_(cancel) {}

  Result<std::vector<Finding>> run() {
    SEALIFT_TRY(charts::add_packed_rules(model_.payload, "", rules_, [](const std::string&) { return true; }));
    for (const auto& app : model_.apps) {
      if (is_checked(app)) charts_.push_back({.app = &app});
    }
    SEALIFT_TRY(render_all({}));
    // Other applications' resources may be there already or not: both renderings count, as at the factory.
    std::set<std::string> api_versions;
    for (const auto& chart : charts_) {
      for (const auto& rendered : chart.renderings)
        api_versions.insert(rendered.api_versions.begin(), rendered.api_versions.end());
    }
    if (!api_versions.empty()) SEALIFT_TRY(render_all(api_versions));
    judge_all();
    return std::move(findings_);
  }

 private:
  struct Chart {
    const steps::SelectedApp* app = nullptr;
    std::vector<charts::Rendered> renderings;
    std::optional<Error> error;  // of rendering
  };

  // With API versions only those whose templates ask for them.
  Result<void> render_all(const std::set<std::string>& api_versions) {
    return base::try_parallel(charts_.size(), base::processors(), cancel_,
                              [&](size_t i, const CancelToken& stop) -> Result<void> {
                                auto& chart = charts_[i];
                                if (chart.error) return {};
                                if (!api_versions.empty()) {
                                  if (chart.app->app->kind != format::AppKind::helm) return {};
                                  SEALIFT_ASSIGN(const bool asks, asks_for_api_versions(*chart.app));
                                  if (!asks) return {};
                                }
                                auto rendered = render(*chart.app, api_versions, stop);
                                if (!rendered && rendered.error().code == ErrorCode::cancelled)
                                  return std::unexpected(std::move(rendered).error());
                                if (rendered)
                                  chart.renderings.push_back(std::move(*rendered));
                                else
                                  chart.error = std::move(rendered).error();
                                return {};
                              });
  }

  Result<charts::Rendered> render(const steps::SelectedApp& app, const std::set<std::string>& api_versions,
                                  const CancelToken& stop) {
    const bool is_chart = app.app->kind == format::AppKind::helm;
    SEALIFT_ASSIGN(auto text, is_chart ? render_chart(app, api_versions, stop) : manifests_of(app));
    if (!app.patches.empty()) {
      SEALIFT_ASSIGN(text, renderer_.patch(text, app.target_namespace, steps::patches_of(app), stop));
    }
    return charts::read_rendered(text, "the site's values", rules_, workloads::TestHooks::omit);
  }

  Result<std::string> render_chart(const steps::SelectedApp& app, const std::set<std::string>& api_versions,
                                   const CancelToken& stop) {
    ChartRequest request{.app = app.app,
                         .release = app.release,
                         .target_namespace = app.target_namespace,
                         .kubernetes_version = model_.base.kubernetes_version,
                         .values = {},
                         .api_versions = api_versions};
    request.changed_files = app.changed_files;
    SEALIFT_ASSIGN(auto values, steps::chart_values(model_, app));
    for (auto& [name, text] : values) request.values.push_back(std::move(text));
    return renderer_.render(request, stop);
  }

  Result<std::string> manifests_of(const steps::SelectedApp& app) const {
    std::string out;
    SEALIFT_ASSIGN(const auto files, steps::app_texts(model_.payload, app));
    for (const auto& [path, text] : files) out += base::format("---\n{}\n", text);
    return out;
  }

  Result<bool> asks_for_api_versions(const steps::SelectedApp& app) const {
    SEALIFT_ASSIGN(const auto files, steps::app_texts(model_.payload, app));
    return std::ranges::any_of(
        files, [](const auto& file) { return charts::may_ask_for_api_versions(file.first, file.second); });
  }

  void judge_all() {
    std::vector<const yaml::Node*> for_rules;
    for (const auto& chart : charts_) {
      for (const auto& rendered : chart.renderings) {
        for (const auto& document : rendered.inspector->read_by_rules()) for_rules.push_back(&document);
      }
    }
    for (auto& chart : charts_) {
      if (chart.error) could_not_render(*chart.app, *chart.error);
      charts::Inspection inspection;
      for (auto& rendered : chart.renderings) {
        inspection.append(rendered.inspector->finish(for_rules));
        for (const auto& object : rendered.inspector->objects()) judge(*chart.app, object);
      }
      for (const auto& found : inspection.images) judge(*chart.app, found);
      for (const auto& doubt : inspection.doubts) judge(*chart.app, doubt);
    }
  }

  void add(Severity severity, std::string evidence, std::string remedy) {
    findings_.push_back({"site.images", "", severity, std::move(evidence), std::move(remedy)});
  }

  void could_not_render(const steps::SelectedApp& app, const Error& error) {
    if (error.code == ErrorCode::invalid_config || (error.code == ErrorCode::command_failed && !app.patches.empty())) {
      add(Severity::blocks, base::format("the application {} can't be patched: {}", app.app->name, error.text()),
          "correct or remove the Patch in cluster.yaml");
    } else if (error.code == ErrorCode::invalid_input) {
      add(Severity::blocks,
          base::format("the chart of {} can't be rendered with this site's values: {}", app.app->name, error.what),
          base::format("correct the values of {} in cluster.yaml", app.app->name));
    } else {
      add(Severity::warns,
          base::format("whether the artifact has all images of {} could not be checked: {}", app.app->name,
                       error.text()),
          "the delivery goes on; a missing image would show as a pod that does not start");
    }
  }

  bool is_ignored(const steps::SelectedApp& app, std::string_view text) const {
    return charts::ignoring(model_.contents(), text) != nullptr ||
           std::ranges::any_of(app.ignored_images,
                               [&](const std::string& pattern) { return base::is_like(text, pattern); });
  }

  // Each image once for an application.
  bool is_new(const steps::SelectedApp& app, const std::string& text) {
    return told_.insert({app.app->name, text}).second;
  }

  void judge(const steps::SelectedApp& app, const charts::ObjectNote& object) {
    for (const auto& container : object.without_image) {
      const auto what = base::format("{}/{} {}", object.kind, object.name, container);
      if (!is_new(app, what)) continue;
      add(Severity::blocks,
          base::format(
              "the application {} has a container without an image ({}, {}), which the API server would refuse",
              app.app->name, base::printable(what), object.place),
          base::format("correct the values of {} in cluster.yaml", app.app->name));
    }
  }

  void judge(const steps::SelectedApp& app, const charts::FoundImage& found) {
    const auto reference = image::parse_reference(found.use.image);
    if (!reference) {
      judge(app, charts::Doubt{found.use.image, found.place, found.use.object, found.use.path, reference.error().what});
      return;
    }
    const auto name = reference->text();
    if (is_ignored(app, found.use.image) || is_ignored(app, name)) return;
    if (!is_new(app, name) || model_.has_image(*reference)) return;
    const auto origin = place_in_values(app, *reference);
    add(Severity::blocks,
        base::format("the application {} will ask for the image {} ({} {}, {}), which is not in the artifact{}",
                     app.app->name, name, base::printable(found.use.object), base::printable(found.use.path),
                     found.place, origin),
        base::format("correct the value, or build the artifact again with `IMAGE {}`; if nothing pulls it, name it in "
                     "ignoreImages of the Application {} in cluster.yaml",
                     name, app.app->name));
  }

  void judge(const steps::SelectedApp& app, const charts::Doubt& doubt) {
    if (is_ignored(app, doubt.text) || !is_new(app, doubt.text)) return;
    const auto answers = [&](const format::Image& packed) {
      const auto reference = image::parse_reference(packed.name);
      return reference && charts::answers_for(*reference, doubt.text);
    };
    if (std::ranges::any_of(model_.contents().images, answers)) return;
    add(is_container(doubt.path) ? Severity::blocks : Severity::warns,
        base::format("the application {} may ask for an image \"{}\" ({} {}, {}): {}", app.app->name,
                     base::printable(doubt.text), base::printable(doubt.object), base::printable(doubt.path),
                     doubt.place, doubt.why),
        base::format("write a full name with a tag that the artifact has, or name the text in ignoreImages of the "
                     "Application {} in cluster.yaml",
                     app.app->name));
  }

  const steps::Model& model_;
  ChartRenderer& renderer_;
  const CancelToken& cancel_;
  workloads::Rules rules_;
  std::vector<Chart> charts_;
  std::set<std::pair<std::string, std::string>> told_;
  std::vector<Finding> findings_;
};

}  // namespace

bool is_checked(const steps::SelectedApp& app) {
  return app.app->kind == format::AppKind::helm || !app.patches.empty() || !app.changed_files.empty();
}

Result<std::vector<Finding>> check_images(const steps::Model& model, ChartRenderer& renderer,
                                          const CancelToken& cancel) {
  return ImageCheck(model, renderer, cancel).run();
}

}  // namespace sealift::images
