// SPDX-License-Identifier: Apache-2.0
// helm and kubectl.
#include <algorithm>
#include <array>

#include "packer/convert/commands.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr std::string_view kLocal = "local://";

bool is_manifest(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

bool is_url(std::string_view text) { return text.starts_with("https://") || text.starts_with("http://"); }

std::string stem_of(const std::string& path) {
  const std::string name = last_part(path);
  return is_manifest(name) ? name.substr(0, name.rfind('.')) : name;
}

std::string not_there(const std::string& path) {
  return base::format("; {} is not in the folder yet", base::printable(path));
}

bool looks_secret(const yaml::Node& node) {
  return std::ranges::any_of(
             node.members,
             [](const auto& member) {
               const std::string key = base::to_lower(member.first);
               return (member.second.kind == yaml::Kind::scalar && (key.contains("passw") || key.contains("token"))) ||
                      looks_secret(member.second);
             }) ||
         std::ranges::any_of(node.items, looks_secret);
}

// Files of a folder as kubectl takes them: all manifests in it, and below it if asked for.
void add_manifests(const Context& context, const std::string& folder, bool is_recursive, std::vector<std::string>& out,
                   bool& has_others) {
  for (const auto& name : context.names_in(folder)) {
    const std::string path = below(folder, name);
    if (context.is_folder(path)) {
      if (is_recursive && !context.is_link(path)) add_manifests(context, path, true, out, has_others);
      has_others = has_others || !is_recursive;
    } else if (is_manifest(name)) {
      out.push_back(path);
    } else {
      has_others = true;
    }
  }
}

}  // namespace

// Of several applications each has a name that tells which it is; a single one has the product's.
std::string Commands::wanted_name(const Setting& setting, std::string_view stem) const {
  constexpr auto kGeneral = std::to_array<std::string_view>(
      {"manifest", "manifests", "deploy", "deployment", "install", "bundle", "all", ""});
  const std::string product = setting.app.empty() ? context_->product() : setting.app;
  if (std::ranges::contains(kGeneral, stem) || stem == product) return product;
  return stem.contains(product) ? std::string(stem) : product + "-" + std::string(stem);
}

void Commands::add_app(const Command& command, const Setting& setting, AppLine app, const std::string& note) {
  if (app.needs.empty()) app.needs = previous_;  // the commands were run one after the other
  previous_ = app.name;
  app.is_network = setting.is_network;
  if (app.target_namespace == "default") app.target_namespace.clear();
  for (auto& created : namespaces_) created.is_used = created.is_used || created.name == app.target_namespace;
  change(command, setting, app.text() + note);
  lines_->add_app(setting.line, app);
}

std::string Commands::created_namespace() {
  const auto found = std::ranges::find(namespaces_, false, &Created::is_used);
  return found == namespaces_.end() ? "" : found->name;
}

void Commands::helm(const Command& command, Setting& setting) {
  auto call = read_helm(std::span(command.words).subspan(1));
  if (call.verb == "install" || call.verb == "upgrade") return install(command, setting, call);
  if (call.verb == "repo" || call.verb == "dependency" || call.verb == "dep" || call.verb == "list" ||
      call.verb == "status" || call.verb == "version")
    return drop(command, setting, "charts are packed with what they depend on");
  lose(command, setting,
       call.verb == "pull" || call.verb == "fetch"
           ? "name the chart in APP: repo:https://HOST/PATH/NAME@VERSION, oci://… or a folder"
           : "an APP line installs a chart; nothing else of helm is run");
}

Result<Commands::Chart> Commands::find_chart(const HelmCall& call, const Setting& setting) {
  const std::string& chart = call.operands.back();
  if (!call.unread.empty())
    return fail(ErrorCode::invalid_input, "{} is not read; write its values into a file and name that with VALUES",
                call.unread);
  if (has_login(chart) || has_login(call.repository)) return fail(ErrorCode::invalid_input, "{}", kNoLogin);
  const std::string version = call.version.empty() ? "VERSION" : call.version;
  const bool has_version = !call.version.empty();
  if (!call.repository.empty()) {
    if (has_version) return Chart{base::format("repo:{}/{}@{}", call.repository, chart, version), {}, {}};
    return fail(ErrorCode::invalid_input, "the exact version is missing: APP {} repo:{}/{}@VERSION", last_part(chart),
                call.repository, chart);
  }
  if (chart.starts_with("oci://")) {
    if (has_version || last_part(chart).contains(':'))
      return Chart{has_version ? chart + ":" + version : chart, {}, {}};
    return fail(ErrorCode::invalid_input, "the exact version is missing: APP {} {}:VERSION", last_part(chart), chart);
  }
  if (is_url(chart)) return Chart{chart, {}, {}};
  const auto found = tree_->locate(chart, setting.folder);
  if (!found)
    return fail(ErrorCode::invalid_input,
                "the chart {} is not in the folder; write APP {} repo:https://HOST/PATH/{}@VERSION, or put it there",
                chart, last_part(chart), last_part(chart));
  return Chart{std::string(kLocal) + found->path, found->path, found->exists ? "" : not_there(found->path)};
}

Result<Commands::Values> Commands::find_values(const HelmCall& call, const Setting& setting, const Chart& chart,
                                               const std::string& app) {
  std::vector<Tree::Found> files;
  for (const auto& path : call.value_files) {
    const auto found = tree_->locate(path, setting.folder);
    if (!found)
      return fail(ErrorCode::invalid_input, "the values {} are not in the folder; name them with VALUES {}",
                  base::printable(path), app);
    if (chart.path.empty() || found->path != chart.path + "/values.yaml") files.push_back(*found);
  }
  if (call.settings.empty() && files.size() <= 1) return Values{files.empty() ? "" : files[0].path};
  yaml::Node values = yaml::Node::make_mapping();
  for (const auto& file : files) {
    if (!file.exists)
      return fail(ErrorCode::invalid_input,
                  "{} is not in the folder; write its values and those of --set into one file, "
                  "and name that with VALUES {}",
                  file.path, app);
    SEALIFT_ASSIGN(const auto text, context_->read(file.path));
    SEALIFT_ASSIGN(const auto documents, yaml::parse(text, file.path, {}, yaml::DuplicateKeys::last_wins));
    for (const auto& document : documents) yaml::merge(values, document);
  }
  for (const auto& [text, type] : call.settings) SEALIFT_TRY(set_values(text, type, values));
  if (values.members.empty()) return Values{};
  return Values{lines_->add_values(app, values), looks_secret(values)};
}

void Commands::install(const Command& command, const Setting& setting, HelmCall& call) {
  if (call.operands.empty()) return lose(command, setting, "the chart is missing");
  auto chart = find_chart(call, setting);
  if (!chart) return lose(command, setting, chart.error().what);
  const std::string stem = last_part(call.operands.back());
  const std::string release = call.operands.size() > 1 ? call.operands.front() : stem.substr(0, stem.find(".tgz"));
  AppLine app{.name = lines_->new_app_name(setting.app.empty() ? release : setting.app),
              .sources = {chart->source},
              .target_namespace = call.target_namespace,
              .release = release};
  if (call.operands.size() == 1) app.release.clear();
  const auto values = find_values(call, setting, *chart, app.name);
  if (!values) return lose(command, setting, values.error().what);
  const std::string line = "VALUES " + app.name + " " + kubefile_word(values->path);
  std::string note = values->path.empty() ? "" : " and " + line;
  if (values->has_secret)
    note += "; its passwords can be read by anyone who has the artifact: the site sets its own in cluster.yaml";
  add_app(command, setting, std::move(app), note + chart->note);
  if (!values->path.empty()) lines_->add(setting.line, line);
}

void Commands::kubectl(const Command& command, Setting& setting) {
  const auto call = read_kubectl(std::span(command.words).subspan(1));
  const auto first = [&] { return call.operands.empty() ? std::string() : call.operands[0]; };
  if ((call.verb == "apply" || call.verb == "create" || call.verb == "replace") && !call.files.empty())
    return apply(command, setting, call);
  if (call.verb == "create" && call.operands.size() == 2 && (first() == "ns" || first() == "namespace")) {
    namespaces_.push_back({call.operands[1], note_of(command, setting, {})});
    return;
  }
  if (call.verb == "wait" || call.verb == "rollout" || call.verb == "get" || call.verb == "describe")
    return drop(command, setting,
                "an application is done when all of it is healthy, and others wait for it with NEEDS");
  if (call.verb == "label" || call.verb == "taint") {
    if (call.verb == "taint" || first().starts_with("node") || first() == "no")
      return lose(command, setting, base::format("hosts get {}s in cluster.yaml", call.verb));
    if (first() == "ns" || first().starts_with("namespace"))
      return lose(command, setting, "write the namespace as a manifest, with its labels, and name it with APP");
  }
  lose(command, setting, "kubectl applies manifests only; change the manifest or the chart's values before the build");
}

Result<std::vector<std::string>> Commands::find_manifests(const KubectlCall& call, const Setting& setting,
                                                          std::string& note) {
  std::vector<std::string> out;
  for (const auto& file : call.files) {
    if (file == "-") return fail(ErrorCode::invalid_input, "write what it reads into a file and name that with APP");
    if (has_login(file)) return fail(ErrorCode::invalid_input, "{}", kNoLogin);
    if (is_url(file))
      return fail(ErrorCode::invalid_input, "download {} into the folder and name it: APP NAME local://{}",
                  base::printable(file), last_part(file.substr(0, file.find('?'))));
    const auto found = tree_->locate(file, setting.folder);
    if (!found) return fail(ErrorCode::invalid_input, "{} is not in the folder", base::printable(file));
    std::vector<std::string> paths{found->path};
    bool has_others = false;
    if (file.contains('*')) {
      paths = context_->fitting(found->path);
      if (paths.empty()) return fail(ErrorCode::invalid_input, "no file fits {}", base::printable(file));
    } else if (context_->is_folder(found->path) && !call.is_kustomization) {
      paths.clear();
      add_manifests(*context_, found->path, call.is_recursive, paths, has_others);
      if (!has_others) paths = {found->path};
      if (paths.empty())
        return fail(ErrorCode::invalid_input,
                    "{} has no manifests; templates become a chart, or manifests without variables",
                    base::printable(file));
    } else if (!found->exists) {
      note += not_there(found->path);
    }
    out.insert(out.end(), paths.begin(), paths.end());
  }
  return out;
}

void Commands::apply(const Command& command, const Setting& setting, const KubectlCall& call) {
  std::string note;
  const auto paths = find_manifests(call, setting, note);
  if (!paths) return lose(command, setting, paths.error().what);
  AppLine app{.name = lines_->new_app_name(wanted_name(setting, paths->size() == 1 ? stem_of(paths->front()) : "")),
              .target_namespace = call.target_namespace};
  for (const auto& path : *paths) app.sources.push_back(std::string(kLocal) + path);
  if (app.target_namespace.empty()) app.target_namespace = created_namespace();
  add_app(command, setting, std::move(app), note);
}

}  // namespace sealift::convert
