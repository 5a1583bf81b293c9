// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/render.h"

#include "packer/sources/release_size.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// Stand-ins for what the runtime gives every chart (steps::site_values): cluster.yaml's defaults.
std::vector<std::string> site_settings(const std::string& kubernetes_version) {
  return {"global.sealift.podCIDR=10.244.0.0/16", "global.sealift.serviceCIDR=10.96.0.0/12",
          "global.sealift.clusterName=cluster", "global.sealift.kubernetesVersion=" + kubernetes_version};
}

Result<void> check_release_size(const RenderJob& job, std::string_view rendered) {
  SEALIFT_ASSIGN(const uint64_t size, sources::release_size(job.app->folder, rendered));
  if (size <= sources::kMaxReleaseSize + sources::kMaxReleaseSize / 20) return {};
  return fail(
      ErrorCode::invalid_input,
      "{}: with {}, helm's record of the release {} would have about {}, and the Secret that it is kept in takes "
      "{}: move large files of {} into a chart in its charts/, or let .helmignore leave out what helm does not need",
      job.app->origin.place.text(), job.set, job.app->app.release_name(), base::human_bytes(size),
      base::human_bytes(sources::kMaxReleaseSize), job.app->folder);
}

}  // namespace

std::vector<RenderJob> render_jobs(const AppInput& app) {
  std::vector<RenderJob> out;
  for (const auto& file : app.values) out.push_back({&app, last_part(file.target), file.source});
  if (out.empty()) out.push_back({&app, "values.yaml", {}});
  return out;
}

Result<base::Command> render_command(Tools& tools, const RenderJob& job, const std::string& kubernetes_version,
                                     const std::set<std::string>& api_versions) {
  const auto& app = job.app->app;
  charts::Rendering rendering{.chart = absolute(job.app->folder),
                              .release = app.release_name(),
                              .target_namespace = app.default_namespace(),
                              .kubernetes_version = kubernetes_version,
                              .values = {},
                              .api_versions = api_versions,
                              .arguments = {}};
  if (!job.values.empty()) rendering.values.push_back(absolute(job.values));
  auto& arguments = rendering.arguments;
  for (const auto& setting : site_settings(kubernetes_version))
    arguments.insert(arguments.end(), {"--set-string", setting});
  for (const auto& setting : job.app->settings) arguments.insert(arguments.end(), {"--set", setting.text});
  return tools.command("helm", "so charts can't be rendered to find their images",
                       charts::template_arguments(rendering));
}

Result<charts::Rendered> render(const base::Command& command, const RenderJob& job, const workloads::Rules& rules,
                                workloads::TestHooks test_hooks, const CancelToken& cancel) {
  auto text = charts::render(command, cancel);
  if (!text) {
    const auto where = base::format("{}: rendering {} with {}", job.app->origin.place.text(), job.app->folder, job.set);
    if (text.error().code != ErrorCode::invalid_input) return fail_while(std::move(text).error(), where);
    return fail(ErrorCode::invalid_input,
                "{}: {}\nif the chart can't be rendered without values that only a site knows, give an example "
                "with VALUES {} FILE, or with APP --set key=value",
                where, text.error().what, job.app->app.name);
  }
  SEALIFT_TRY(check_release_size(job, *text));
  return charts::read_rendered(*text, job.set, rules, test_hooks);
}

bool asks_for_api_versions(const Inputs& inputs, const AppInput& app) {
  const std::string prefix = app.app.root + "/";
  for (auto at = inputs.files.lower_bound(prefix); at != inputs.files.end() && at->first.starts_with(prefix); ++at) {
    if (charts::may_ask_for_api_versions(at->first, {})) return true;
    const auto text = base::read_text_file(at->second.source, size_t{4} << 20);
    if (text && charts::may_ask_for_api_versions(at->first, *text)) return true;
  }
  return false;
}

}  // namespace sealift::resolve
