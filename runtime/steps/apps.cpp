// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/apps.h"

#include <algorithm>
#include <array>
#include <set>

#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/yaml/node.h"
#include "runtime/kube/health.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr Duration kHelmTimeout{900'000};
constexpr Duration kGateTimeout{600'000};
// In helm's order: the artifact's set, the site's facts, the site's file, the site's values.
constexpr auto kValuesFiles =
    std::to_array<std::string_view>({"values-0.yaml", "values-1.yaml", "values-2.yaml", "values-3.yaml"});
// As the build reads manifests.
constexpr yaml::Limits kManifestLimits{.bytes = kMaxAppFile, .depth = 256, .nodes = 500'000};

Digest inputs_of(const Model& model, const SelectedApp& app) {
  base::ByteWriter writer;
  writer.text(app.app->name);
  writer.text(app.target_namespace);
  writer.text(app.values_file);
  writer.text(app.values_yaml);
  if (app.app->kind == format::AppKind::helm) writer.text(site_values(model));
  // Only if there are any: applications without keep the inputs that earlier versions recorded.
  if (!app.values_set.empty()) writer.bytes(model.contents().tree.at(app.values_set).object.digest.bytes);
  if (app.release != app.app->name) writer.text(app.release);
  for (const auto& [path, file] : app_files(model.contents(), *app.app)) {
    writer.text(std::format("{}/{}", app.app->root, path));
    writer.bytes(file.object.digest.bytes);
  }
  return hash::sha256(writer.data());
}

std::string description(const SelectedApp& app) {
  const auto what =
      app.app->kind == format::AppKind::helm ? "helm chart " + app.app->version : std::string("manifests");
  return std::format("install {}{} ({}) into {}", app.app->is_network ? "the network " : "", app.app->name, what,
                     app.target_namespace);
}

std::vector<std::string> apply_arguments(const std::string& file) {
  return {"apply", "--server-side", "--force-conflicts", "--field-manager=sealift", "--filename", file};
}

base::Command helm(std::vector<std::string> arguments) {
  // Everything that helm keeps in a home folder stays in memory and disappears with it.
  base::Command out{{"helm", std::format("--kubeconfig={}", kAdminKubeconfig)},
                    {"HELM_CACHE_HOME=/run/sealift/helm", "HELM_CONFIG_HOME=/run/sealift/helm",
                     "HELM_DATA_HOME=/run/sealift/helm", std::string(kKubeHome)},
                    "/",
                    kHelmTimeout};
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

// A kubeconfig listed before the admin one that makes the application's namespace the default. --namespace would do
// more: it refuses objects that name another namespace. Holds no secret.
std::string namespace_kubeconfig(const std::string& cluster, const std::string& target_namespace) {
  yaml::Node context = yaml::Node::make_mapping();
  context.set("cluster", yaml::Node::make_string(cluster));  // kubeadm names it after clusterName
  context.set("user", yaml::Node::make_string("kubernetes-admin"));
  context.set("namespace", yaml::Node::make_string(target_namespace));
  yaml::Node named = yaml::Node::make_mapping();
  named.set("name", yaml::Node::make_string("sealift"));
  named.set("context", std::move(context));
  yaml::Node out = yaml::Node::make_mapping();
  out.set("apiVersion", yaml::Node::make_string("v1"));
  out.set("kind", yaml::Node::make_string("Config"));
  out.set("current-context", yaml::Node::make_string("sealift"));
  out.set("contexts", yaml::Node::make_sequence()).push_back(std::move(named));
  return yaml::to_yaml(out);
}

}  // namespace

std::vector<std::pair<std::string, format::TreeFile>> app_files(const format::Contents& contents,
                                                                const format::App& app) {
  std::vector<std::pair<std::string, format::TreeFile>> out;
  const std::string prefix = app.root + "/";
  const auto& tree = contents.tree;
  for (auto at = tree.lower_bound(prefix); at != tree.end() && at->first.starts_with(prefix); ++at)
    out.emplace_back(at->first.substr(prefix.size()), at->second);
  return out;
}

// kubectl with the application's namespace as the default.
base::Command AppStep::kubectl_here(std::vector<std::string> arguments) const {
  base::Command out{{"kubectl", "--request-timeout=20s"},
                    {std::format("KUBECONFIG={}/namespace.yaml:{}", folder_, kAdminKubeconfig), std::string(kKubeHome)},
                    "/",
                    Duration{120'000}};
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

std::string site_values(const Model& model) {
  yaml::Node values = yaml::Node::make_mapping();
  yaml::Node& site = values.set("global", yaml::Node::make_mapping()).set("sealift", yaml::Node::make_mapping());
  site.set("podCIDR", yaml::Node::make_string(model.config.network.pods));
  site.set("serviceCIDR", yaml::Node::make_string(model.config.network.services));
  site.set("clusterName", yaml::Node::make_string(model.config.name));
  site.set("kubernetesVersion", yaml::Node::make_string(model.base.kubernetes_version));
  return yaml::to_yaml(values);
}

Result<std::vector<std::pair<std::string, std::string>>> chart_values(const Model& model, const SelectedApp& app) {
  std::string set;
  if (!app.values_set.empty()) {
    const auto& object = model.contents().tree.at(app.values_set).object;
    SEALIFT_ASSIGN(const auto bytes, model.payload.read_all(object.digest, kMaxAppFile));
    set = base::as_text(bytes);
  }
  const std::array<std::string, kValuesFiles.size()> texts{std::move(set), site_values(model), app.values_file,
                                                           app.values_yaml};
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) out.emplace_back(kValuesFiles[i], texts[i]);
  }
  return out;
}

AppStep::AppStep(const Model& model, const SelectedApp& app)
    : BasicStep("app." + app.app->name, description(app), inputs_of(model, app)),
      model_(model),
      app_(app),
      folder_("/run/sealift/apps/" + app.app->name) {}

Result<engine::StepState> AppStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool same, recorded(context));
  if (!same) return engine::StepState::needed;
  if (app_.app->kind != format::AppKind::helm) return engine::StepState::done;
  // A release that was removed by hand is installed again.
  const auto secrets = kubectl_get(context.host,
                                   {"--namespace=" + app_.target_namespace, "get", "secret", "--selector",
                                    std::format("owner=helm,name={},status=deployed", app_.release), "-o", "name"},
                                   context.cancel);
  return secrets && !base::trim(*secrets).empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> AppStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(stage(context));
  auto done = app_.app->kind == format::AppKind::helm ? install_chart(context) : apply_manifests(context);
  auto removed = unstage(context);
  if (!done) return fail_while(std::move(done).error(), "installing " + app_.app->name);
  SEALIFT_TRY(removed);
  SEALIFT_TRY(wait_for_health(context));
  return context.host.record(reason());
}

Result<void> AppStep::stage(engine::StepContext& context) const {
  const auto put = [&](const std::string& path, ByteView bytes) -> Result<void> {
    SEALIFT_TRY(context.host.make_directory(path.substr(0, path.rfind('/')), {0700, 0, 0}, reason()));
    base::MemorySource source(bytes);
    return context.host.write_atomic(path, {0600, 0, 0}, source, reason());
  };
  for (const auto& [path, file] : app_files(model_.contents(), *app_.app)) {
    SEALIFT_TRY(context.cancel.check());
    SEALIFT_ASSIGN(const auto bytes, model_.payload.read_all(file.object.digest, kMaxAppFile));
    SEALIFT_TRY(put(folder_ + "/tree/" + path, bytes));
  }
  SEALIFT_TRY(put(folder_ + "/namespace.yaml",
                  base::as_bytes(namespace_kubeconfig(model_.config.name, app_.target_namespace))));
  if (app_.app->kind != format::AppKind::helm) return {};
  SEALIFT_ASSIGN(const auto values, chart_values(model_, app_));
  for (const auto& [name, text] : values) SEALIFT_TRY(put(folder_ + "/" + name, base::as_bytes(text)));
  return {};
}

// The values may hold secrets; the charts are removed as well.
Result<void> AppStep::unstage(engine::StepContext& context) const {
  for (const auto& name : kValuesFiles) SEALIFT_TRY(context.host.remove(std::format("{}/{}", folder_, name), reason()));
  for (const auto& [path, file] : app_files(model_.contents(), *app_.app))
    SEALIFT_TRY(context.host.remove(folder_ + "/tree/" + path, reason()));
  return {};
}

// A release left pending or half removed by a kill would refuse every further command.
Result<void> AppStep::recover_release(engine::StepContext& context) const {
  const auto command = helm({"status", app_.release, "--namespace", app_.target_namespace, "-o", "json"});
  SEALIFT_ASSIGN(const auto status, context.host.query(command, {}, context.cancel));
  if (!status.ok()) return {};  // no release yet
  SEALIFT_ASSIGN(const auto value, json::parse(status.output, kHostJson));
  const auto* state = value.at_path("info/status");
  const std::string text = state == nullptr || state->string() == nullptr ? "" : *state->string();
  const bool half_removed = text == "uninstalling";  // killed during an earlier recovery
  if (!half_removed && !text.starts_with("pending-")) return {};
  base::tell(context.events, Level::warning,
             std::format("the release {} was left {}; recovering it", app_.release, text), context.host_name);
  const auto recover = half_removed || text == "pending-install"
                           ? helm({"uninstall", app_.release, "--namespace", app_.target_namespace, "--wait"})
                           : helm({"rollback", app_.release, "--namespace", app_.target_namespace});
  SEALIFT_TRY(
      base::output_of(recover, context.host.run_job("sealift-helm-recover", recover, reason(), context.cancel)));
  return {};
}

Result<void> AppStep::install_chart(engine::StepContext& context) const {
  SEALIFT_TRY(recover_release(context));
  auto command = helm({"upgrade", "--install", app_.release, folder_ + "/tree", "--namespace", app_.target_namespace,
                       "--create-namespace"});
  SEALIFT_ASSIGN(const auto values, chart_values(model_, app_));
  for (const auto& [name, text] : values)
    command.argv.insert(command.argv.end(), {"--values", std::format("{}/{}", folder_, name)});
  SEALIFT_TRY(base::output_of(
      command, context.host.run_job("sealift-app-" + app_.app->name, command, reason(), context.cancel)));
  return {};
}

Result<void> AppStep::make_namespace(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto there, kubectl_object(context.host, {"namespace", app_.target_namespace}, context.cancel));
  if (there) return {};
  return kubectl_do(context.host, {"create", "namespace", app_.target_namespace}, reason(), context.cancel)
      .transform([](const std::string&) {});
}

// kubectl looks up the kinds of all objects before it applies the first one, and applies them in the order of files:
// what other objects need goes ahead, so that one run does.
Result<void> AppStep::apply_needed_first(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto manifests, objects(context.looking()));
  std::vector<yaml::Node> spaces, definitions;
  const auto visit = [&](Result<yaml::Node> document) -> Result<void> {
    if (!document) return {};  // kubectl will say what is wrong with it
    const auto* items = document->text_at("kind").ends_with("List") ? document->find("items") : nullptr;
    for (const auto& object : items == nullptr ? std::span<const yaml::Node>(&*document, 1) : std::span(items->items)) {
      const auto kind = object.text_at("kind");
      if (kind == "Namespace") spaces.push_back(object);
      if (kind == "CustomResourceDefinition") definitions.push_back(object);
    }
    return {};
  };
  SEALIFT_TRY(yaml::for_each_document(manifests, app_.app->root, kManifestLimits, visit));
  const auto run = [&](std::vector<std::string> arguments, const std::vector<yaml::Node>& documents) -> Result<void> {
    if (documents.empty()) return {};
    const auto text = yaml::to_yaml(documents);
    base::CommandIo io;
    io.input = base::as_bytes(text);
    const auto command = kubectl_here(std::move(arguments));
    return base::output_of(command, context.host.run(command, io, reason(), context.cancel))
        .transform([](const std::string&) {});
  };
  SEALIFT_TRY(run(apply_arguments("-"), spaces));
  SEALIFT_TRY(run(apply_arguments("-"), definitions));
  return run({"wait", "--for=condition=Established", "--timeout=60s", "--filename", "-"}, definitions);
}

Result<void> AppStep::apply_manifests(engine::StepContext& context) const {
  SEALIFT_TRY(make_namespace(context));
  SEALIFT_TRY(apply_needed_first(context));
  auto arguments = apply_arguments(folder_ + "/tree");
  arguments.emplace_back("--recursive");
  const auto command = kubectl_here(std::move(arguments));
  SEALIFT_TRY(base::output_of(command, context.host.run(command, {}, reason(), context.cancel)));
  return {};
}

// The manifests as text: the release's, or as packed.
Result<std::string> AppStep::objects(const engine::LookContext& context) const {
  if (app_.app->kind == format::AppKind::helm) {
    const auto command = helm({"get", "manifest", app_.release, "--namespace", app_.target_namespace});
    return base::output_of(command, context.host.query(command, {}, context.cancel));
  }
  std::string out;
  for (const auto& [path, file] : app_files(model_.contents(), *app_.app)) {
    SEALIFT_ASSIGN(const auto bytes, model_.payload.read_all(file.object.digest, kMaxAppFile));
    out += std::format("---\n{}\n", base::as_text(bytes));
  }
  return out;
}

Result<json::Value> AppStep::installed_objects(const engine::LookContext& context, const std::string& manifests) const {
  base::CommandIo io;
  io.input = base::as_bytes(manifests);
  const auto command = kubectl_here({"get", "--filename", "-", "--ignore-not-found", "-o", "json"});
  SEALIFT_ASSIGN(const auto output, base::output_of(command, context.host.query(command, io, context.cancel)));
  if (base::trim(output).empty()) return json::Value::object();
  return json::parse(output, kHostJson);
}

Result<void> AppStep::wait_for_health(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto manifests, objects(context.looking()));
  std::optional<Error> hopeless;
  auto waited = wait_until(context, kGateTimeout, ErrorCode::unhealthy,
                           std::format("the application {} is installed but unhealthy", app_.app->name),
                           [&](std::string& message) -> Result<bool> {
                             SEALIFT_ASSIGN(const auto list, installed_objects(context.looking(), manifests));
                             message.clear();
                             for (const auto& health : kube::health_of_all(list)) {
                               if (health.state != kube::Health::State::current && message.empty())
                                 message = health.subject + ": " + health.message;
                             }
                             if (message.empty()) return true;
                             SEALIFT_ASSIGN(const auto pods, pods_of(context.looking(), list));
                             if (auto missing = missing_image(pods)) {
                               hopeless = std::move(missing);
                               return true;
                             }
                             for (const auto& [pod, wanted] : pods) {
                               const std::string trouble = kube::pod_trouble(pod);
                               if (trouble.empty() || kube::health_of(pod).state == kube::Health::State::current)
                                 continue;
                               message += " (" + trouble + ")";
                               break;
                             }
                             return false;
                           });
  if (hopeless) return fail(std::move(*hopeless));
  return waited;
}

Result<std::vector<AppStep::SelectedPod>> AppStep::pods_of(const engine::LookContext& context,
                                                           const json::Value& objects) const {
  std::vector<json::Value> workloads;
  std::vector<SelectedPod> out;
  std::set<std::string> spaces;
  const auto* items = objects.find("items");
  const auto take = [&](const json::Value& object) {
    const auto* space = object.at_path("metadata/namespace");
    if (object.at_path("spec/selector/matchLabels") == nullptr || space == nullptr || space->string() == nullptr)
      return;
    workloads.push_back(object);
    spaces.insert(*space->string());
  };
  if (items != nullptr && items->is_array())
    std::ranges::for_each(*items->elements(), take);
  else
    take(objects);
  for (const auto& space : spaces) {
    SEALIFT_ASSIGN(const auto pods, kubectl_object(context.host, {"pods", "--namespace=" + space}, context.cancel));
    const auto* list = pods ? pods->find("items") : nullptr;
    if (list == nullptr || !list->is_array()) continue;
    for (const auto& pod : *list->elements()) {
      const auto workload =
          std::ranges::find_if(workloads, [&](const json::Value& one) { return kube::selects(one, pod); });
      if (workload != workloads.end()) out.push_back({pod, kube::template_images(*workload)});
    }
  }
  return out;
}

// An image that no registry host has will never arrive. An outgoing pod of an earlier revision may still wait for
// another one.
std::optional<Error> AppStep::missing_image(const std::vector<SelectedPod>& pods) const {
  for (const auto& [pod, wanted] : pods) {
    for (const auto& missing : kube::missing_images(pod)) {
      if (!wanted.contains(missing.image)) continue;
      const auto reference = image::parse_reference(missing.image);
      if (reference && model_.contents().find_image(*reference) != nullptr)
        continue;  // still arriving, or named in the error after the deadline
      const auto* name = pod.at_path("metadata/name");
      return Error{
          ErrorCode::unhealthy,
          std::format(
              "the application {} is installed, but its pod {} waits for the image {}, which is not in the artifact {}; "
              "add `IMAGE {}` to the Kubefile and build again, or correct the name in the application's values",
              app_.app->name, name == nullptr || name->string() == nullptr ? "?" : *name->string(), missing.image,
              model_.payload.artifact_name(), missing.image),
          {}};
    }
  }
  return std::nullopt;
}

}  // namespace sealift::steps
