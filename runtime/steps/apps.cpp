// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/apps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/yaml/node.h"
#include "runtime/kube/health.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/app_changes.h"
#include "runtime/steps/helm.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

// Pods tell why something is not healthy, but there are many: asked for now and then, and not of what is just starting.
constexpr Duration kAskForPodsAfter{4'000}, kAskForPodsEvery{10'000};
// In helm's order: the artifact's set, the site's facts, the site's file, the site's values.
constexpr auto kValuesFiles =
    std::to_array<std::string_view>({"values-0.yaml", "values-1.yaml", "values-2.yaml", "values-3.yaml"});

std::string description(const SelectedApp& app) {
  const auto what =
      app.app->kind == format::AppKind::helm ? "helm chart " + app.app->version : std::string("manifests");
  return base::format("install {}{} ({}) into {}", app.app->is_network ? "the network " : "", app.app->name, what,
                      app.target_namespace);
}

std::vector<std::string> apply_arguments(const std::string& file) {
  return {"apply", "--server-side", "--force-conflicts", "--field-manager=sealift", "--filename", file};
}

// "Deployment web/echo is not there"; empty if nothing is missing.
std::string missing_text(const std::vector<kube::LastingObject>& missing) {
  if (missing.empty()) return {};
  const std::string more = missing.size() == 1 ? "" : base::format(", nor are {} more", missing.size() - 1);
  return base::format("{} is not there{}", missing.front().title(), more);
}

// A kubeconfig listed before the admin one that makes the application's namespace the default. --namespace would do
// more: it refuses objects that name another namespace. Holds no secret.
std::string namespace_kubeconfig(const KubeContext& admin, const std::string& target_namespace) {
  yaml::Node context = yaml::Node::make_mapping();
  context.set("cluster", yaml::Node::make_string(admin.cluster));
  context.set("user", yaml::Node::make_string(admin.user));
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

// kubectl with the application's namespace as the default.
base::Command AppStep::kubectl_here(std::vector<std::string> arguments) const {
  base::Command out{{"kubectl", "--request-timeout=20s"},
                    {base::format("KUBECONFIG={}/namespace.yaml:{}", folder_, kubeconfig_path(model_.config)),
                     std::string(kKubeHome)},
                    "/",
                    Duration{120'000}};
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

std::string site_values(const Model& model) {
  yaml::Node values = yaml::Node::make_mapping();
  yaml::Node& site = values.set("global", yaml::Node::make_mapping()).set("sealift", yaml::Node::make_mapping());
  if (!model.config.existing) {
    site.set("podCIDR", yaml::Node::make_string(model.config.network.pods));
    site.set("serviceCIDR", yaml::Node::make_string(model.config.network.services));
  }
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

Digest app_inputs(const Model& model, const SelectedApp& app) {
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
    const auto changed = app.changed_files.find(path);
    writer.text(base::format("{}/{}", app.app->root, path));
    writer.bytes(changed == app.changed_files.end() ? file.object.digest.bytes
                                                    : hash::sha256(base::as_bytes(changed->second)).bytes);
  }
  for (const auto* patch : app.patches) {
    writer.text(patch->kind + "/" + patch->target_namespace + "/" + patch->target_name);
    writer.text(base::format("{}", static_cast<int>(patch->type)));
    writer.text(patch->patch);
  }
  return hash::sha256(writer.data());
}

std::string app_step(const SelectedApp& app) { return std::string(kAppSteps) + app.app->name; }

AppStep::AppStep(const Model& model, const SelectedApp& app, std::shared_ptr<ClusterApps> shared)
    : BasicStep(app_step(app), description(app), app_inputs(model, app)),
      model_(model),
      app_(app),
      shared_(std::move(shared)),
      folder_("/run/sealift/apps/" + app.app->name),
      job_("sealift-app-" + app.app->name) {}

std::string AppStep::describe() const {
  if (is_update_)
    return base::format("update {} in {}: {}", app_.app->name, app_.target_namespace, app_changes(model_, app_));
  return missing_.empty() ? BasicStep::describe()
                          : base::format("{}: {}", BasicStep::describe(), missing_text(missing_));
}

Result<engine::StepState> AppStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto installed, shared_->installed(context));
  const auto record = installed->records.find(id());
  is_update_ = record != installed->records.end() && record->second != inputs().hex();
  if (record == installed->records.end() || record->second != inputs().hex()) return engine::StepState::needed;
  // A release that was removed by hand is installed again, and so is what was deleted of it.
  const auto release = installed->releases.find({app_.release, app_.target_namespace});
  const bool stands = release != installed->releases.end() && release->second == kDeployed;
  if (app_.app->kind == format::AppKind::helm && !stands) return engine::StepState::needed;
  SEALIFT_ASSIGN(missing_, shared_->missing(context, app_.app->name));
  return missing_.empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> AppStep::apply(engine::StepContext& context) {
  const auto gate = [&](const std::string& manifests) -> Result<void> {
    SEALIFT_TRY(wait_for_health(context, manifests));
    return context.host.record(reason());
  };
  auto done = install(context).and_then(gate);
  // Another attempt begins with what is there then.
  if (!done)
    shared_->forget();
  else if (app_.app->kind == format::AppKind::helm)
    shared_->note(id(), inputs().hex(), std::pair(app_.release, app_.target_namespace));
  else
    shared_->note(id(), inputs().hex(), std::nullopt);
  return done;
}

// What helm of a run that was killed still reads must stay, and its release is in nobody's way.
Result<void> AppStep::wait_for_earlier(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const bool waited, wait_for_helm(context, job_, app_.app->name, kHelmTimeout + app_.timeout));
  if (waited) shared_->forget();
  return {};
}

Result<std::string> AppStep::install(engine::StepContext& context) const {
  SEALIFT_TRY(wait_for_earlier(context));
  auto done = stage(context).and_then(
      [&] { return app_.app->kind == format::AppKind::helm ? install_chart(context) : apply_manifests(context); });
  // The values may hold secrets.
  auto removed = context.host.take_away(host::Trace::Kind::path, folder_, reason());
  if (!done) return fail_while(std::move(done).error(), "installing " + app_.app->name);
  SEALIFT_TRY(removed);
  return done;
}

Result<KubeContext> AppStep::context_of_cluster(host::HostView& host) const {
  if (!model_.config.existing) return KubeContext{model_.config.name, "kubernetes-admin"};  // kubeadm names them so
  constexpr size_t kMaxKubeconfig = size_t{1} << 20;
  const std::string path(kubeconfig_path(model_.config));
  SEALIFT_ASSIGN(auto bytes, host.read(path, kMaxKubeconfig));
  if (!bytes) return fail(ErrorCode::not_found, "{} is gone", path);
  auto out = current_context(base::as_text(*bytes), path);
  explicit_bzero(bytes->data(), bytes->size());
  return out;
}

// The agent takes the packed files from the payload beside it; what it does not have comes by its input.
Result<void> AppStep::stage(engine::StepContext& context) const {
  json::Value files = json::Value::object();
  for (const auto& [path, text] : app_.changed_files) files.set("tree/" + path, text);
  if (!app_.patches.empty()) files.set("patches.json", kube::to_json(patches_of(app_)));
  if (app_.app->kind == format::AppKind::manifests) {
    SEALIFT_ASSIGN(const auto admin, context_of_cluster(context.host));
    files.set("namespace.yaml", namespace_kubeconfig(admin, app_.target_namespace));
  } else {
    SEALIFT_ASSIGN(const auto values, chart_values(model_, app_));
    for (const auto& [name, text] : values) files.set(name, text);
  }
  const Secret input(json::to_canonical(files));
  base::CommandIo io;
  io.input = base::as_bytes(input.reveal());
  const base::Command command{
      {"/proc/self/exe", "node", "stage", "--payload", model_.payload_path(model_.any_control_plane().config), "--root",
       app_.app->root, "--to", folder_},
      {},
      "/",
      Duration{120'000}};
  return base::output_of(command, context.host.run(command, io, reason(), context.cancel))
      .transform([](const std::string&) {});
}

// A release left pending or half removed by a kill would refuse every further command.
Result<void> AppStep::recover_release(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto installed, shared_->installed(context.looking()));
  const auto release = installed->releases.find({app_.release, app_.target_namespace});
  const std::string text = release == installed->releases.end() ? "" : release->second;
  const bool half_removed = text == "uninstalling";  // killed during an earlier recovery
  if (!half_removed && !text.starts_with("pending-")) return {};
  base::tell(context.events, Level::warning,
             base::format("the release {} was left {}; recovering it", app_.release, text), context.host_name);
  const auto recover = half_removed || text == "pending-install"
                           ? helm({"uninstall", app_.release, "--namespace", app_.target_namespace, "--wait"})
                           : helm({"rollback", app_.release, "--namespace", app_.target_namespace});
  return base::output_of(recover,
                         context.host.run_job("sealift-recover-" + app_.app->name, recover, reason(), context.cancel))
      .transform([](const std::string&) {});
}

std::vector<std::string> AppStep::patch_words(const std::string& verb) const {
  return {"node", verb, "--folder", folder_, "--namespace", app_.target_namespace};
}

Result<std::string> AppStep::install_chart(engine::StepContext& context) const {
  SEALIFT_TRY(recover_release(context));
  auto command =
      helm({"upgrade", "--install", app_.release, folder_ + "/tree", "--namespace", app_.target_namespace,
            "--create-namespace", "--timeout", base::format("{}s", app_.timeout.count() / 1000), "--output", "json"},
           app_.timeout);
  SEALIFT_ASSIGN(const auto values, chart_values(model_, app_));
  for (const auto& [name, text] : values)
    command.argv.insert(command.argv.end(), {"--values", base::format("{}/{}", folder_, name)});
  if (!app_.patches.empty()) {
    command.argv.insert(command.argv.end(), {"--post-renderer", folder_ + "/sealift"});
    for (const auto& word : patch_words("patch"))
      command.argv.insert(command.argv.end(), {"--post-renderer-args", word});
  }
  SEALIFT_ASSIGN(auto printed, base::output_of(command, context.host.run_job(job_, command, reason(), context.cancel)));
  const Secret release(std::move(printed));  // with the values
  const auto value = json::parse(release.reveal(), kHostJson);
  const auto* manifest = value ? value->find("manifest") : nullptr;
  if (manifest != nullptr && manifest->string() != nullptr) return *manifest->string();
  // A large chart's release is more than a job's output may be.
  const auto ask = helm({"get", "manifest", app_.release, "--namespace", app_.target_namespace});
  return base::output_of(ask, context.host.query(ask, {}, context.cancel));
}

Result<void> AppStep::make_namespace(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto there, kubectl_object(context.host, {"namespace", app_.target_namespace}, context.cancel));
  if (there) return {};
  const auto made = kubectl_do(context.host, {"create", "namespace", app_.target_namespace}, reason(), context.cancel);
  // Another application of the same namespace may have been faster.
  const bool is_there = !made && made.error().what.contains("AlreadyExists");
  return made || is_there ? Result<void>{} : fail(made.error());
}

// kubectl looks up the kinds of all objects before it applies the first one, and applies them in the order of files:
// what other objects need goes ahead, so that one run does.
Result<void> AppStep::apply_needed_first(engine::StepContext& context, const std::string& manifests) const {
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
  SEALIFT_TRY(yaml::for_each_document(manifests, app_.app->root, kube::kManifestLimits, visit));
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

Result<std::string> AppStep::apply_manifests(engine::StepContext& context) const {
  std::string manifests;
  SEALIFT_ASSIGN(const auto files, app_texts(model_.payload, app_));
  for (const auto& [path, text] : files) manifests += base::format("---\n{}\n", text);
  if (!app_.patches.empty()) {
    base::Command patch{patch_words("patch-tree"), {}, "/", Duration{120'000}};
    patch.argv.insert(patch.argv.begin(), "/proc/self/exe");
    SEALIFT_TRY(base::output_of(patch, context.host.run(patch, {}, reason(), context.cancel)));
  }
  SEALIFT_TRY(make_namespace(context));
  SEALIFT_TRY(apply_needed_first(context, manifests));
  auto arguments = apply_arguments(folder_ + "/tree");
  arguments.emplace_back("--recursive");
  const auto command = kubectl_here(std::move(arguments));
  SEALIFT_TRY(base::output_of(command, context.host.run(command, {}, reason(), context.cancel)));
  return manifests;
}

Result<bool> AppStep::is_healthy(const engine::LookContext& context, bool why, std::string& message) const {
  SEALIFT_ASSIGN(const auto seen, shared_->look(context, app_.app->name));
  const auto& objects = seen.objects;
  std::string ill = missing_text(seen.missing);
  for (const auto& object : objects) {
    const auto health = kube::health_of(object);
    if (health.state != kube::Health::State::current && ill.empty()) ill = health.subject + ": " + health.message;
  }
  if (ill.empty()) return true;
  // What pods said a moment ago is kept until they are asked again.
  if (!message.starts_with(ill)) message = ill;
  if (!why) return false;
  message = std::move(ill);
  SEALIFT_ASSIGN(const auto pods, pods_of(context, objects));
  if (auto missing = missing_image(pods)) return fail(std::move(*missing));
  for (const auto& [pod, wanted] : pods) {
    const std::string trouble = kube::pod_trouble(pod);
    if (trouble.empty() || kube::health_of(pod).state == kube::Health::State::current) continue;
    message += " (" + trouble + ")";
    break;
  }
  return false;
}

Result<void> AppStep::wait_for_health(engine::StepContext& context, const std::string& manifests) const {
  if (!app_.waits_for_health) return {};
  auto objects = judged_objects(manifests, app_.target_namespace);
  if (objects.empty()) return {};
  shared_->watch(app_.app->name, std::move(objects));
  std::optional<Error> hopeless;
  Duration ask_for_pods = context.clock.monotonic() + std::min(kAskForPodsAfter, app_.timeout / 2);
  auto waited = wait_until(context, app_.timeout, ErrorCode::unhealthy,
                           base::format("the application {} is installed but unhealthy", app_.app->name),
                           [&](std::string& message) -> Result<bool> {
                             const bool why = context.clock.monotonic() >= ask_for_pods;
                             auto healthy = is_healthy(context.looking(), why, message);
                             if (why) ask_for_pods = context.clock.monotonic() + kAskForPodsEvery;
                             if (healthy || healthy.error().code != ErrorCode::unhealthy) return healthy;
                             hopeless = std::move(healthy).error();
                             return true;
                           });
  shared_->unwatch(app_.app->name);
  if (hopeless) return fail(std::move(*hopeless));
  return waited;
}

Result<std::vector<AppStep::SelectedPod>> AppStep::pods_of(const engine::LookContext& context,
                                                           const std::vector<json::Value>& objects) const {
  std::vector<json::Value> workloads;
  std::vector<SelectedPod> out;
  std::set<std::string> spaces;
  for (const auto& object : objects) {
    const auto space = kube::text(object, "metadata/namespace");
    if (object.at_path("spec/selector/matchLabels") == nullptr || space.empty()) continue;
    workloads.push_back(object);
    spaces.insert(space);
  }
  for (const auto& space : spaces) {
    SEALIFT_ASSIGN(const auto pods, kubectl_object(context.host, {"pods", "--namespace=" + space}, context.cancel));
    if (!pods) continue;
    for (const auto& pod : kube::items(*pods)) {
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
      if (reference && model_.has_image(*reference))
        continue;  // still arriving, or named in the error after the deadline
      const auto* name = pod.at_path("metadata/name");
      return Error{
          ErrorCode::unhealthy,
          base::format(
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
