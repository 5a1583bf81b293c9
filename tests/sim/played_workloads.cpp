// SPDX-License-Identifier: Apache-2.0
//
// PlayedCluster's workloads, their pods that take time, and helm that brings some of them.
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/helm_record.h"
#include "tests/sim/played_cluster.h"

namespace sealift::sim {

using base::Command;
using base::ExitStatus;
using tests::FakeMachine;

// An object as returned by the API. Each look is a moment later: pods become ready one after the other.
json::Value PlayedCluster::look_at(const std::string& kind, const std::string& name) {
  const auto found = workloads_.find(kind + "/" + name);
  const bool known = found != workloads_.end();
  uint64_t ready = 0, observed = 0, generation = 1;
  if (known) {
    auto& workload = found->second;
    generation = workload.generation;
    const bool can =
        std::ranges::none_of(never_healthy, [&](const std::string& word) { return workload.content.contains(word); });
    if (workload.looks > 0 && can) --workload.looks;
    observed = workload.looks < kLooksUntilReady - 1 ? generation : generation - 1;
    ready = workload.looks == 0 ? 1 : 0;
  }
  const auto object = json::parse(base::format(
      R"({{"kind":"{}","metadata":{{"name":"{}","namespace":"default","generation":{}}},"spec":{{"replicas":1}},"status":{{"observedGeneration":{},"replicas":1,"updatedReplicas":1,"readyReplicas":{},)"
      R"("availableReplicas":{},"desiredNumberScheduled":1,"updatedNumberScheduled":1,"numberReady":{}}}}})",
      kind, name, generation, observed, ready, ready, ready));
  return *object;
}

void PlayedCluster::restart_pods() {
  const std::lock_guard guard(mutex_);
  for (auto& [name, workload] : workloads_) workload.looks = kLooksUntilReady;
}

void PlayedCluster::lose_object(const std::string& name) {
  const std::lock_guard guard(mutex_);
  state.objects.erase(name);
  workloads_.erase(name);
}

std::string PlayedCluster::objects_of_releases() {
  const std::lock_guard guard(mutex_);
  std::vector<kube::ReleaseObjects> out;
  for (const auto& [name, release] : state.releases) {
    if (release.status == "deployed")
      out.push_back({name, release.space, kube::lasting_objects(release.chart, release.space)});
  }
  return kube::to_json(out);
}

// A line for each, as kubectl's custom columns: kind, namespace, name.
std::string PlayedCluster::lasting_objects() const {
  std::string out = "Deployment  kube-system  coredns\n";
  for (const auto& [name, workload] : workloads_)
    out += base::format("{}  {}  {}\n", workload.kind, workload.space, name.substr(name.find('/') + 1));
  for (const auto& name : state.objects) {
    if (name.starts_with("CustomResourceDefinition/"))
      out += base::format("CustomResourceDefinition  <none>  {}\n", name.substr(name.find('/') + 1));
  }
  return out;
}

// Its pods become ready some looks after there is a network for them.
json::Value PlayedCluster::core_dns() {
  const bool network = std::ranges::any_of(
      workloads_, [](const auto& entry) { return entry.second.kind == "DaemonSet" && entry.second.looks == 0; });
  if (network && looks_before_names_ > 0) --looks_before_names_;
  return *json::parse(base::format(
      R"({{"kind":"Deployment","metadata":{{"name":"coredns","namespace":"kube-system","generation":1}},"spec":{{"replicas":2}},)"
      R"("status":{{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"readyReplicas":{0},"availableReplicas":{0}}}}})",
      looks_before_names_ == 0 && !names_broken ? 2 : 0));
}

// Starts new pods if anything has changed; their images must be there at once: nobody waits out a pull's back-off.
void PlayedCluster::roll_out(const std::string& manifests, const std::string& values,
                             const std::string& target_namespace) {
  const auto documents = yaml::parse(manifests, "manifests");
  if (!documents) return;
  for (const auto& object : *documents) {
    if (values.empty()) state.objects.insert(field(object, "kind") + "/" + field(object, "metadata/name"));
    const auto* containers = object.at_path("spec/template/spec/containers");
    if (containers == nullptr) continue;
    const std::string image = field(containers->items.front(), "image"), kind = field(object, "kind");
    auto& workload = workloads_[kind + "/" + field(object, "metadata/name")];
    const std::string content = yaml::to_yaml(object) + values;
    if (workload.content == content) continue;
    workload = {kind, field(object, "metadata/namespace", target_namespace), content, workload.generation + 1,
                kLooksUntilReady};
    if (!can_pull_(image)) faults.push_back(base::format("{} was wanted before anybody could serve it", image));
  }
}

Result<ExitStatus> PlayedCluster::helm(FakeMachine& self, const Command& command) {
  if (!api_answers()) return bad("Error: Kubernetes cluster unreachable");
  const auto release_of = [&](std::string_view verb) {
    return verb == "manifest" ? after(command, "manifest") : after(command, verb);
  };
  if (has(command, "upgrade")) return upgrade(self, command, after(command, "--install"));
  if (has(command, "uninstall")) return uninstall(self, after(command, "uninstall"));
  const std::lock_guard guard(mutex_);
  if (has(command, "history")) return good(history_of(after(command, "history")));
  for (const auto* verb : {"rollback", "manifest"}) {
    if (!has(command, verb)) continue;
    const auto found = state.releases.find(release_of(verb));
    if (found == state.releases.end()) return bad("Error: release: not found");
    if (std::string_view(verb) == "manifest") return good(found->second.chart);
    return roll_back(command, found->first);
  }
  return bad("not played: " + command.text());
}

void PlayedCluster::delete_objects(const std::string& manifests) {
  const auto documents = yaml::parse(manifests, "manifests");
  if (!documents) return;
  for (const auto& object : *documents) {
    const auto name = field(object, "kind") + "/" + field(object, "metadata/name");
    state.objects.erase(name);
    workloads_.erase(name);
  }
}

Result<ExitStatus> PlayedCluster::uninstall(FakeMachine& self, const std::string& name) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = state.releases.find(name);
    if (found == state.releases.end()) return bad("Error: uninstall: Release not loaded: " + name);
    found->second.status = "uninstalling";
    delete_objects(found->second.chart);
  }
  SIM_STAGE(self, "helm uninstall: objects");
  const std::lock_guard guard(mutex_);
  state.releases.erase(name);
  revisions.erase(name);
  return good();
}

// To the number that follows the name; without one to what stood before.
ExitStatus PlayedCluster::roll_back(const Command& command, const std::string& name) {
  auto& release = state.releases.at(name);
  release.status = "deployed";
  const auto number = base::parse_u64(after(command, name));
  if (!number) return good();
  auto& known = revisions[name];
  if (*number == 0 || *number > known.size()) return bad("Error: release has no such revision");
  release = known[*number - 1].first;
  known.emplace_back(release, base::format("Rollback to {}", *number));
  roll_out(release.chart, release.values, release.space);
  return good();
}

std::string PlayedCluster::history_of(const std::string& name) {
  json::Value out = json::Value::array();
  const auto& known = revisions[name];
  for (size_t i = 0; i < known.size(); ++i) {
    json::Value one = json::Value::object();
    one.set("revision", static_cast<uint64_t>(i + 1));
    one.set("status", i + 1 == known.size() ? "deployed" : "superseded");
    one.set("chart", name + "-1.0.0");
    one.set("description", known[i].second);
    out.push_back(std::move(one));
  }
  return json::to_canonical(out);
}

Result<ExitStatus> PlayedCluster::upgrade(FakeMachine& self, const Command& command, const std::string& name) {
  ClusterState::Release wanted{"deployed", {}, {}, after(command, "--namespace")};
  for (size_t i = 0; i + 1 < command.argv.size(); ++i) {
    if (command.argv[i] == "--values") wanted.values += text_of(self, command.argv[i + 1]);
  }
  const std::string templates = after(command, name) + "/templates/";
  for (const auto& [path, file] : self.world.files) {
    if (path.starts_with(templates) && file.type == host::FileType::regular)
      wanted.chart += base::format("---\n{}", base::as_text(file.content));
  }
  if (wanted.chart.empty() || wanted.values.empty()) return bad("Error: path not found");
  {
    const std::lock_guard guard(mutex_);
    const auto there = state.releases.find(name);
    if (there != state.releases.end() && there->second.status.starts_with("pending-"))
      return bad("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress");
    const bool first = there == state.releases.end();
    auto& release = state.releases[name];
    if (first) release.chart = wanted.chart;
    release.space = wanted.space;
    release.status = first ? "pending-install" : "pending-upgrade";
  }
  SIM_STAGE(self, "helm upgrade: pending");
  {
    const std::lock_guard guard(mutex_);
    state.namespaces.insert(after(command, "--namespace"));
    roll_out(wanted.chart, wanted.values, wanted.space);
  }
  SIM_STAGE(self, "helm upgrade: objects");
  const std::lock_guard guard(mutex_);
  state.releases[name] = wanted;
  revisions[name].emplace_back(wanted, "Upgrade complete");
  json::Value release = json::Value::object();
  release.set("manifest", wanted.chart);
  return good(json::to_canonical(release));
}

}  // namespace sealift::sim
