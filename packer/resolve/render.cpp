// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/render.h"

#include <format>

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxOutput = size_t{256} << 20;

// Stand-ins for what the runtime gives every chart (steps::site_values): cluster.yaml's defaults.
std::vector<std::string> site_settings(const std::string& kubernetes_version) {
  return {"global.sealift.podCIDR=10.244.0.0/16", "global.sealift.serviceCIDR=10.96.0.0/12",
          "global.sealift.clusterName=cluster", "global.sealift.kubernetesVersion=" + kubernetes_version};
}

// What a program says, each line indented.
std::string lines_of(std::string_view text) {
  std::string out;
  for (const auto line : base::split(base::trim(text), '\n')) {
    if (base::trim(line).empty() || line.starts_with("Use --debug")) continue;
    out += (out.empty() ? "" : "\n  ") + base::printable(line, 1'000);
    if (out.size() > 4'000) break;
  }
  return out;
}

// "group/version" and "group/version/Kind" of what a CustomResourceDefinition serves.
void add_api_versions(const yaml::Node& document, std::set<std::string>& out) {
  if (document.text_at("kind") != "CustomResourceDefinition") return;
  const auto group = document.text_at("spec/group"), kind = document.text_at("spec/names/kind");
  const auto* versions = document.at_path("spec/versions");
  if (group.empty() || versions == nullptr) return;
  for (const auto& version : versions->items) {
    const auto name = std::format("{}/{}", group, version.text_at("name"));
    out.insert(name);
    if (!kind.empty()) out.insert(std::format("{}/{}", name, kind));
  }
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
  std::vector<std::string> words{"template",       app.release_name(),      absolute(job.app->folder),
                                 "--namespace",    app.default_namespace(), "--include-crds",
                                 "--kube-version", kubernetes_version};
  if (!job.values.empty()) words.insert(words.end(), {"--values", absolute(job.values)});
  for (const auto& setting : site_settings(kubernetes_version)) words.insert(words.end(), {"--set-string", setting});
  for (const auto& setting : job.app->settings) words.insert(words.end(), {"--set", setting.text});
  for (const auto& version : api_versions) words.insert(words.end(), {"--api-versions", version});
  return tools.command("helm", "so charts can't be rendered to find their images", std::move(words));
}

Result<Rendered> render(const base::Command& command, const RenderJob& job, const workloads::Rules& rules,
                        workloads::TestHooks test_hooks, const CancelToken& cancel) {
  const auto where = std::format("{}: rendering {} with {}", job.app->origin.place.text(), job.app->folder, job.set);
  auto status = base::run(command, {.output_limit = kMaxOutput}, cancel);
  if (!status && status.error().code == ErrorCode::timeout)
    return fail(ErrorCode::invalid_input, "{}: helm did not end within a minute; is there a template without end?",
                where);
  if (!status) return fail_while(std::move(status).error(), where);
  if (!status->ok()) {
    std::string_view said = status->errors;  // warnings first
    if (const size_t at = said.find("Error: "); at != std::string_view::npos) said = said.substr(at + 7);
    return fail(
        ErrorCode::invalid_input,
        "{}: helm says: {}\nif the chart can't be rendered without values that only a site knows, give an example "
        "with VALUES {} FILE, or with APP --set key=value",
        where, lines_of(said), job.app->app.name);
  }
  Rendered out;
  const auto check = [&](const yaml::Node& document) -> Result<void> {
    add_api_versions(document, out.api_versions);
    return {};
  };
  SEALIFT_ASSIGN(out.inspector, Inspector::of_rendered(status->output, job.set, rules, test_hooks, check));
  return out;
}

bool asks_for_api_versions(const Inputs& inputs, const AppInput& app) {
  const std::string prefix = app.app.root + "/";
  for (auto at = inputs.files.lower_bound(prefix); at != inputs.files.end() && at->first.starts_with(prefix); ++at) {
    if (at->first.ends_with(".tgz")) return true;  // a dependency; it costs a second rendering to find out
    const auto text = base::read_text_file(at->second.source, size_t{4} << 20);
    if (text && text->contains("APIVersions")) return true;
  }
  return false;
}

}  // namespace sealift::resolve
