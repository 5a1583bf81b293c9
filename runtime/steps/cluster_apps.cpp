// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_apps.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/health.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/missing_objects.h"

namespace sealift::steps {
namespace {

// Fields of a line that are separated by any number of blanks.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (const auto word : base::split(line, ' ')) {
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

// From kubectl's table of helm's secrets: NAMESPACE NAME TYPE DATA AGE, then the labels name, version and status.
Releases releases_of(const std::string& table) {
  Releases out;
  std::map<std::pair<std::string, std::string>, uint64_t> newest;
  for (const auto line : base::split(table, '\n')) {
    const auto words = words_of(line);
    if (words.size() != 8) continue;
    const std::pair key(words[5], words[0]);
    const auto version = base::parse_u64(words[6]).value_or(0);
    if (version < newest[key]) continue;
    newest[key] = version;
    out[key] = words[7];
  }
  return out;
}

// One object as "Deployment.apps/echo"; objects of one kind and name in two namespaces differ by those.
std::string name_of(const std::string& api_version, const std::string& kind, const std::string& name) {
  const size_t slash = api_version.find('/');
  return base::format("{}.{}/{}", kind, slash == std::string::npos ? "" : api_version.substr(0, slash), name);
}

bool is_same(const yaml::Node& wanted, const json::Value& object) {
  const auto space = kube::text(object, "metadata/namespace");  // none: an object of the whole cluster
  return name_of(wanted.text_at("apiVersion"), wanted.text_at("kind"), wanted.text_at("metadata/name")) ==
             name_of(kube::text(object, "apiVersion"), kube::text(object, "kind"),
                     kube::text(object, "metadata/name")) &&
         (space.empty() || space == wanted.text_at("metadata/namespace"));
}

void add_judged(const yaml::Node& object, const std::string& target_namespace, std::vector<yaml::Node>& out) {
  if (!kube::has_health_rule(object.text_at("kind"))) return;
  // Only what identifies it, for kubectl asks for nothing else, and whether it is a hook.
  yaml::Node metadata = yaml::Node::make_mapping(), reduced = yaml::Node::make_mapping();
  const auto space = object.text_at("metadata/namespace");
  metadata.set("name", yaml::Node::make_string(object.text_at("metadata/name")));
  metadata.set("namespace", yaml::Node::make_string(space.empty() ? target_namespace : space));
  if (kube::is_hook(object)) metadata.set("annotations", *object.at_path("metadata/annotations"));
  for (const auto* field : {"apiVersion", "kind"}) reduced.set(field, yaml::Node::make_string(object.text_at(field)));
  reduced.set("metadata", std::move(metadata));
  out.push_back(std::move(reduced));
}

}  // namespace

Result<Releases> helm_releases(host::HostView& control_plane, const CancelToken& cancel) {
  // A table of labels: the secrets themselves hold whole charts.
  return kubectl_get(control_plane,
                     {"get", "secrets", "--all-namespaces", "--selector", "owner=helm,status!=superseded",
                      "--no-headers", "--ignore-not-found", "--label-columns", "name,version,status"},
                     cancel)
      .transform(releases_of);
}

Result<std::shared_ptr<const ClusterApps::Installed>> ClusterApps::installed(const engine::LookContext& context) {
  const std::lock_guard lock(looking_);
  if (installed_) return installed_;
  Installed out;
  SEALIFT_ASSIGN(const auto records, context.host.records(std::string(kAppSteps)));
  for (const auto& record : records) out.records[record.step] = record.inputs;
  SEALIFT_ASSIGN(out.releases, helm_releases(context.host, context.cancel));
  installed_ = std::make_shared<const Installed>(std::move(out));
  if (!at_first_) at_first_ = installed_;
  return installed_;
}

Result<std::vector<kube::LastingObject>> ClusterApps::missing(const engine::LookContext& context,
                                                              const std::string& app) {
  const std::lock_guard lock(looking_);
  if (!missing_) {
    SEALIFT_ASSIGN(const auto records, host::read_artifact_records(context.host));
    SEALIFT_ASSIGN(auto found, missing_objects(context.host, records, context.cancel));
    missing_.emplace();
    for (auto& one : found) (*missing_)[one.app].push_back(std::move(one.object));
  }
  const auto found = missing_->find(app);
  return found == missing_->end() ? std::vector<kube::LastingObject>{} : found->second;
}

void ClusterApps::forget() {
  const std::lock_guard lock(looking_);
  installed_.reset();
  missing_.reset();
}

void ClusterApps::note(const std::string& step, const std::string& inputs,
                       const std::optional<std::pair<std::string, std::string>>& release) {
  const std::lock_guard lock(looking_);
  const bool was_there =
      at_first_ && (at_first_->records.contains(step) || (release && at_first_->releases.contains(*release)));
  changes_.emplace(step, was_there ? Change::updated : Change::installed);
  if (missing_) missing_->erase(step.substr(kAppSteps.size()));
  if (!installed_) return;
  auto now = *installed_;
  now.records[step] = inputs;
  if (release) now.releases[*release] = kDeployed;
  installed_ = std::make_shared<const Installed>(std::move(now));
}

std::map<std::string, ClusterApps::Change> ClusterApps::changes() const {
  const std::lock_guard lock(looking_);
  return changes_;
}

void ClusterApps::watch(const std::string& app, std::vector<yaml::Node> objects) {
  const std::lock_guard lock(asking_);
  watched_[app] = {std::move(objects), {}};
}

void ClusterApps::unwatch(const std::string& app) {
  const std::lock_guard lock(asking_);
  watched_.erase(app);
}

Result<std::vector<json::Value>> ClusterApps::ask(const engine::LookContext& context,
                                                  const std::vector<const Watched*>& whom) {
  std::vector<yaml::Node> objects;
  for (const auto* watched : whom) objects.insert(objects.end(), watched->objects.begin(), watched->objects.end());
  if (objects.empty()) return std::vector<json::Value>{};
  const auto text = yaml::to_yaml(objects);
  SEALIFT_ASSIGN(const auto output,
                 kubectl_get(context.host, {"get", "--filename", "-", "--ignore-not-found", "-o", "json"},
                             context.cancel, base::as_bytes(text)));
  if (base::trim(output).empty()) return std::vector<json::Value>{};
  SEALIFT_ASSIGN(auto list, json::parse(output, kHostJson));
  if (const auto* items = list.find("items"); items != nullptr && items->is_array())
    return std::vector<json::Value>(items->elements()->begin(), items->elements()->end());
  return std::vector<json::Value>{std::move(list)};
}

ClusterApps::Seen ClusterApps::seen_of(const Watched& watched, const std::vector<json::Value>& answers) {
  Seen out;
  for (const auto& wanted : watched.objects) {
    const auto found = std::ranges::find_if(answers, [&](const json::Value& one) { return is_same(wanted, one); });
    if (found != answers.end())
      out.objects.push_back(*found);
    else if (kube::lasts(wanted.text_at("apiVersion"), wanted.text_at("kind")) && !kube::is_hook(wanted))
      out.missing.push_back(kube::lasting_object(wanted.text_at("kind"), wanted.text_at("metadata/namespace"),
                                                 wanted.text_at("metadata/name")));
  }
  return out;
}

Result<ClusterApps::Seen> ClusterApps::look(const engine::LookContext& context, const std::string& app) {
  const std::lock_guard lock(asking_);
  auto& own = watched_.at(app);
  if (own.answer) return *std::exchange(own.answer, std::nullopt);
  std::vector<const Watched*> all;
  for (const auto& [name, watched] : watched_) all.push_back(&watched);
  auto answers = ask(context, all);
  // One that names a kind which the cluster does not have must not keep the others waiting.
  if (!answers && answers.error().code == ErrorCode::command_failed)
    return ask(context, {&own}).transform([&](const auto& alone) { return seen_of(own, alone); });
  if (!answers) return fail(std::move(answers).error());
  for (auto& [name, watched] : watched_) {
    if (&watched != &own) watched.answer = seen_of(watched, *answers);
  }
  return seen_of(own, *answers);
}

std::vector<yaml::Node> judged_objects(const std::string& manifests, const std::string& target_namespace) {
  std::vector<yaml::Node> out;
  kube::for_each_object(manifests, [&](const yaml::Node& object) { add_judged(object, target_namespace, out); });
  return out;
}

}  // namespace sealift::steps
