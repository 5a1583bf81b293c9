// SPDX-License-Identifier: Apache-2.0
#include "payload/charts/render.h"

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::charts {
namespace {

constexpr size_t kMaxOutput = size_t{32} << 20;

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

// helm takes the operand of --values as a line of CSV, so that a comma would part it.
std::string as_csv(const std::string& path) {
  return path.find_first_of(",\"") == std::string::npos ? path : "\"" + base::replace_all(path, "\"", "\"\"") + "\"";
}

// "group/version" and "group/version/Kind" of what a CustomResourceDefinition serves.
void add_api_versions(const yaml::Node& document, std::set<std::string>& out) {
  if (document.text_at("kind") != "CustomResourceDefinition") return;
  const auto group = document.text_at("spec/group"), kind = document.text_at("spec/names/kind");
  const auto* versions = document.at_path("spec/versions");
  if (group.empty() || versions == nullptr) return;
  for (const auto& version : versions->items) {
    const auto name = base::format("{}/{}", group, version.text_at("name"));
    out.insert(name);
    if (!kind.empty()) out.insert(base::format("{}/{}", name, kind));
  }
}

}  // namespace

std::vector<std::string> template_arguments(const Rendering& rendering) {
  std::vector<std::string> words{"template",       rendering.release,           rendering.chart,
                                 "--namespace",    rendering.target_namespace,  "--include-crds",
                                 "--kube-version", rendering.kubernetes_version};
  for (const auto& file : rendering.values) words.insert(words.end(), {"--values", as_csv(file)});
  words.insert(words.end(), rendering.arguments.begin(), rendering.arguments.end());
  for (const auto& version : rendering.api_versions) words.insert(words.end(), {"--api-versions", version});
  return words;
}

Result<std::string> render(const base::Command& command, const CancelToken& cancel) {
  auto status = base::run(command, {.output_limit = kMaxOutput}, cancel);
  if (!status && status.error().code == ErrorCode::timeout)
    return fail(ErrorCode::invalid_input, "helm did not end within a minute; is there a template without end?");
  if (!status && status.error().code == ErrorCode::limit_exceeded)
    return fail(ErrorCode::invalid_input, "helm makes more than {}; is there a template without end?",
                base::human_bytes(kMaxOutput));
  if (!status) return std::unexpected(std::move(status).error());
  if (status->ok()) return std::move(status->output);
  std::string_view said = status->errors;  // warnings first
  if (const size_t at = said.find("Error: "); at != std::string_view::npos) said = said.substr(at + 7);
  return fail(ErrorCode::invalid_input, "helm says: {}", lines_of(said));
}

Result<Rendered> read_rendered(std::string_view text, const std::string& set, const workloads::Rules& rules,
                               workloads::TestHooks test_hooks) {
  Rendered out;
  const auto check = [&](const yaml::Node& document) -> Result<void> {
    add_api_versions(document, out.api_versions);
    return {};
  };
  SEALIFT_ASSIGN(out.inspector, Inspector::of_rendered(text, set, rules, test_hooks, check));
  return out;
}

bool may_ask_for_api_versions(std::string_view path, std::string_view text) {
  return path.ends_with(".tgz") || text.contains("APIVersions");
}

}  // namespace sealift::charts
