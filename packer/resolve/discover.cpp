// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/discover.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "packer/resolve/render.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "payload/charts/known_images.h"

namespace sealift::resolve {
namespace {

// Everything about a use but the sets.
auto place_of(const format::ImageUse& use) { return std::tie(use.image, use.file, use.object, use.path, use.found_by); }

class Settler {
 public:
  Settler(Inputs& inputs, EventSink& events) : inputs_(inputs), events_(events) {
    for (const auto& image : inputs.images) packed_.push_back(image.reference);
    for (const auto& image : inputs.contents.images) {
      if (auto reference = image::parse_reference(image.name)) packed_.push_back(std::move(*reference));
    }
  }

  Result<std::vector<Wanted>> settle(Inspectors& inspectors) {
    std::vector<const yaml::Node*> for_rules;
    for (const auto& [app, streams] : inspectors) {
      for (const auto& stream : streams) {
        for (const auto& document : stream.read_by_rules()) for_rules.push_back(&document);
      }
    }
    for (auto& app : inputs_.apps) {
      charts::Inspection inspection;
      for (auto& stream : inspectors[app.app.name]) inspection.append(stream.finish(for_rules));
      const auto each_once = [](std::vector<std::string> lines) {  // renderings say the same
        std::set<std::string> seen;
        std::erase_if(lines, [&](const std::string& line) { return !seen.insert(line).second; });
        return lines;
      };
      for (const auto& warning : each_once(std::move(inspection.warnings)))
        base::tell(events_, Level::warning,
                   base::format("{}: {}: {}", app.origin.place.text(), app.origin.reason, warning));
      for (const auto& omitted : each_once(std::move(inspection.omitted)))
        base::tell(events_, Level::info, base::format("{}: left out: {}", app.origin.reason, omitted));
      for (auto& found : inspection.images) take(app, std::move(found));
      for (const auto& doubt : inspection.doubts) take(app, doubt);
      std::ranges::sort(app.app.uses, {}, place_of);
      merge_sets(app.app.uses);
      *std::ranges::find(inputs_.contents.apps, app.app.name, &format::App::name) = app.app;
    }
    if (problems_.empty()) return std::move(wanted_);
    return fail(ErrorCode::invalid_input,
                "what looks like an image and can't be resolved:{}\nfor each, write IMAGE with its full name, or "
                "IGNORE-IMAGE with its text and the reason why it need not be packed",
                problems_);
  }

 private:
  void leave_out(const AppInput& app, const std::string& text, const format::IgnoredImage& line) {
    if (left_out_.insert({app.app.name, text}).second)
      base::tell(
          events_, Level::info,
          base::format("{}: left out: {}: {}", app.origin.reason, base::printable(text), base::printable(line.reason)));
  }

  void take(AppInput& app, charts::FoundImage found) {
    auto reference = image::parse_reference(found.use.image);
    if (!reference) {
      take(app, charts::Doubt{found.use.image, found.place, found.use.object, found.use.path, reference.error().what});
      return;
    }
    const auto* line = charts::ignoring(inputs_.contents, found.use.image);
    if (line == nullptr) line = charts::ignoring(inputs_.contents, reference->text());
    if (line != nullptr) {
      leave_out(app, reference->text(), *line);
      return;
    }
    found.use.image = reference->text();
    if (named_.insert(found.use.image).second) {
      wanted_.push_back({std::move(*reference),
                         base::format("{}: {} {}, {}", app.origin.reason, base::printable(found.use.object),
                                      base::printable(found.use.path), found.place),
                         app.origin.place});
    }
    app.app.uses.push_back(std::move(found.use));
  }

  void take(const AppInput& app, const charts::Doubt& doubt) {
    if (const auto* line = charts::ignoring(inputs_.contents, doubt.text); line != nullptr) {
      leave_out(app, doubt.text, *line);
      return;
    }
    if (std::ranges::any_of(packed_, [&](const auto& reference) { return charts::answers_for(reference, doubt.text); }))
      return;
    problems_ += base::format("\n  {}: {}: {}, {} {}: \"{}\": {}", app.origin.place.text(), app.origin.reason,
                              doubt.place, base::printable(doubt.object), base::printable(doubt.path),
                              base::printable(doubt.text), doubt.why);
  }

  // One use for all sets that show the same place.
  static void merge_sets(std::vector<format::ImageUse>& uses) {
    std::vector<format::ImageUse> out;
    for (auto& use : uses) {
      auto sets = std::exchange(use.sets, {});
      if (out.empty() || place_of(out.back()) != place_of(use)) out.push_back(std::move(use));
      for (auto& set : sets) {
        if (!std::ranges::contains(out.back().sets, set)) out.back().sets.push_back(std::move(set));
      }
    }
    uses = std::move(out);
  }

  Inputs& inputs_;
  EventSink& events_;
  std::vector<image::Reference> packed_;
  std::vector<Wanted> wanted_;
  std::set<std::string> named_;
  std::set<std::pair<std::string, std::string>> left_out_;  // application and text
  std::string problems_;
};

}  // namespace

std::optional<std::string> kubernetes_version(const Inputs& inputs, const Request& request) {
  if (inputs.base_document) return inputs.base_document->kubernetes_version;
  if (request.kubernetes_version) return request.kubernetes_version;
  const auto& required = inputs.contents.requirements;
  const auto kubernetes = std::ranges::find(required, format::kKubernetes, &format::Requirement::name);
  return kubernetes == required.end() ? std::nullopt : format::lowest_of(kubernetes->versions);
}

Result<void> inspect_charts(std::span<const AppInput* const> apps, const Inputs& inputs, const Request& request,
                            Tools& tools, const workloads::Rules& rules, Inspectors& inspectors, Problems& problems,
                            const CancelToken& cancel) {
  std::vector<RenderJob> jobs;
  for (const auto* app : apps) {
    for (auto& job : render_jobs(*app)) jobs.push_back(std::move(job));
  }
  if (jobs.empty()) return {};
  const auto version = kubernetes_version(inputs, request).value_or("");  // there is one: the resolver has asked
  const auto hooks = request.with_tests ? workloads::TestHooks::include : workloads::TestHooks::omit;
  // Whether all could be; what could, is kept.
  std::set<std::string> found_versions;
  const auto render_all = [&](const std::vector<RenderJob>& some,
                              const std::set<std::string>& api_versions) -> Result<bool> {
    std::vector<base::Command> commands;
    for (const auto& job : some) {
      SEALIFT_ASSIGN(auto command, render_command(tools, job, version, api_versions));
      commands.push_back(std::move(command));
    }
    std::vector<Result<charts::Rendered>> done(some.size());
    SEALIFT_TRY(base::try_parallel(some.size(), base::processors(), cancel,
                                   [&](size_t i, const CancelToken& stop) -> Result<void> {
                                     done[i] = render(commands[i], some[i], rules, hooks, stop);
                                     return stop.check();
                                   }));
    bool is_complete = true;
    for (size_t i = 0; i < done.size(); ++i) {
      auto rendered = problems.note(std::move(done[i]));
      is_complete = is_complete && rendered;
      if (!rendered) continue;
      found_versions.insert(rendered->api_versions.begin(), rendered->api_versions.end());
      inspectors[some[i].app->app.name].push_back(std::move(*rendered->inspector));
    }
    return is_complete;
  };
  SEALIFT_ASSIGN(const bool is_complete, render_all(jobs, {}));
  if (!is_complete || found_versions.empty()) return {};
  // At the site, other applications' resources may be there already or not: both renderings count.
  std::erase_if(jobs, [&](const RenderJob& job) { return !asks_for_api_versions(inputs, *job.app); });
  const auto api_versions = found_versions;
  SEALIFT_TRY(render_all(jobs, api_versions));
  return {};
}

Result<std::vector<Wanted>> settle(Inputs& inputs, Inspectors& inspectors, EventSink& events) {
  return Settler(inputs, events).settle(inspectors);
}

}  // namespace sealift::resolve
