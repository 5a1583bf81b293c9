// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/health.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "runtime/kube/objects.h"

namespace sealift::kube {
namespace {

using State = Health::State;

// status.conditions[type].status, and its message
std::string condition(const json::Value& object, std::string_view type, std::string* message = nullptr) {
  for (const auto& entry : items(object, "status/conditions")) {
    if (entry.text_or("type", "") != type) continue;
    if (message != nullptr) *message = entry.text_or("message", "");
    return entry.text_or("status", "");
  }
  return {};
}

void judge_deployment(const json::Value& object, Health& out) {
  const uint64_t wanted = number(object, "spec/replicas", 1);
  std::string message;
  if (condition(object, "Progressing", &message) == "False") {
    out = {State::failed, out.subject, message};
  } else if (number(object, "status/updatedReplicas") < wanted || number(object, "status/availableReplicas") < wanted ||
             number(object, "status/replicas") > wanted) {
    out = {State::in_progress, out.subject,
           base::format("{} of {} replicas are available", number(object, "status/availableReplicas"), wanted)};
  }
}

void judge_stateful_set(const json::Value& object, Health& out) {
  const uint64_t wanted = number(object, "spec/replicas", 1);
  const bool updated = text(object, "spec/updateStrategy/type") == "OnDelete" ||
                       number(object, "status/updatedReplicas", wanted) >= wanted;
  if (number(object, "status/readyReplicas") < wanted || !updated) {
    out = {State::in_progress, out.subject,
           base::format("{} of {} replicas are ready", number(object, "status/readyReplicas"), wanted)};
  }
}

void judge_daemon_set(const json::Value& object, Health& out) {
  const uint64_t wanted = number(object, "status/desiredNumberScheduled");
  if (number(object, "status/updatedNumberScheduled") < wanted || number(object, "status/numberReady") < wanted) {
    out = {State::in_progress, out.subject,
           base::format("{} of {} pods are ready", number(object, "status/numberReady"), wanted)};
  }
}

void judge_job(const json::Value& object, Health& out) {
  std::string message;
  if (condition(object, "Failed", &message) == "True") {
    out = {State::failed, out.subject, message};
  } else if (condition(object, "Complete") != "True" && text(object, "spec/suspend") != "true") {
    out = {
        State::in_progress, out.subject,
        base::format("{} active, {} succeeded", number(object, "status/active"), number(object, "status/succeeded"))};
  }
}

void judge_node(const json::Value& object, Health& out) {
  std::string message = "the kubelet has not reported";
  if (condition(object, "Ready", &message) != "True") out = {State::in_progress, out.subject, message};
}

void judge_pod(const json::Value& object, Health& out) {
  const std::string phase = text(object, "status/phase");
  if (phase == "Succeeded") return;
  if (phase == "Failed") {
    out = {State::failed, out.subject, text(object, "status/message")};
  } else if (condition(object, "Ready") != "True") {
    const std::string trouble = pod_trouble(object);
    out = {State::in_progress, out.subject, trouble.empty() ? "phase " + (phase.empty() ? "unknown" : phase) : trouble};
  }
}

// Calls `use` with each entry of status.initContainerStatuses and status.containerStatuses.
template <class Use>
void for_each_container(const json::Value& pod, Use use) {
  for (const auto* list : {"status/initContainerStatuses", "status/containerStatuses"}) {
    const auto* statuses = pod.at_path(list);
    if (statuses == nullptr || !statuses->is_array()) continue;
    for (const auto& status : *statuses->elements()) use(status);
  }
}

// "Reason: message" of a state such as state/waiting.
std::string state_text(const json::Value& status, const std::string& state) {
  const std::string reason = text(status, state + "/reason"), message = text(status, state + "/message");
  return reason.empty() || message.empty() ? reason + message : reason + ": " + message;
}

void judge_claim(const json::Value& object, Health& out) {
  if (text(object, "status/phase") == "Lost") out = {State::failed, out.subject, "its volume is lost"};
}

void judge_definition(const json::Value& object, Health& out) {
  std::string message;
  if (condition(object, "NamesAccepted", &message) == "False")
    out = {State::failed, out.subject, message};
  else if (condition(object, "Established") != "True")
    out = {State::in_progress, out.subject, "not established yet"};
}

void judge_api_service(const json::Value& object, Health& out) {
  std::string message;
  if (condition(object, "Available", &message) != "True")
    out = {State::in_progress, out.subject, message.empty() ? "not available yet" : message};
}

struct Rule {
  std::string_view kind;
  void (*judge)(const json::Value& object, Health& out);
};
constexpr auto kRules = std::to_array<Rule>({{"Deployment", judge_deployment},
                                             {"StatefulSet", judge_stateful_set},
                                             {"DaemonSet", judge_daemon_set},
                                             {"Job", judge_job},
                                             {"Pod", judge_pod},
                                             {"Node", judge_node},
                                             {"PersistentVolumeClaim", judge_claim},
                                             {"CustomResourceDefinition", judge_definition},
                                             {"APIService", judge_api_service}});

}  // namespace

bool has_health_rule(std::string_view kind) { return std::ranges::contains(kRules, kind, &Rule::kind); }

std::string pod_trouble(const json::Value& pod) {
  std::string out;
  for_each_container(pod, [&](const json::Value& status) {
    if (!out.empty() || status.boolean_or("ready", false)) return;
    const std::string waiting = state_text(status, "state/waiting");
    // Every container not yet started reports this; the container that blocks it says more.
    if (!waiting.empty() && waiting != "PodInitializing") out = status.text_or("name", "") + ": " + waiting;
    if (const auto exit = state_text(status, "state/terminated"); out.empty() && !exit.empty() && exit != "Completed")
      out = status.text_or("name", "") + ": " + exit;
  });
  std::string message;
  if (out.empty() && condition(pod, "PodScheduled", &message) == "False") out = message;
  if (out.empty() && !text(pod, "status/reason").empty())
    out = text(pod, "status/reason") + ": " + text(pod, "status/message");
  if (out.empty() && condition(pod, "Ready", &message) == "False") out = message;
  return out;
}

std::vector<MissingImage> missing_images(const json::Value& pod) {
  std::vector<MissingImage> out;
  for_each_container(pod, [&](const json::Value& status) {
    const std::string reason = text(status, "state/waiting/reason");
    if (reason != "ErrImagePull" && reason != "ImagePullBackOff" && reason != "ErrImageNeverPull") return;
    // A status names what runs; the wanted image is in the spec, under the container's name.
    for (const auto* list : {"spec/initContainers", "spec/containers"}) {
      const auto* containers = pod.at_path(list);
      if (containers == nullptr || !containers->is_array()) continue;
      for (const auto& container : *containers->elements()) {
        if (container.text_or("name", "") == status.text_or("name", ""))
          out.push_back({container.text_or("image", ""), text(status, "state/waiting/message")});
      }
    }
  });
  return out;
}

std::set<std::string> template_images(const json::Value& workload) {
  std::set<std::string> out;
  for (const auto* list : {"spec/template/spec/initContainers", "spec/template/spec/containers"}) {
    const auto* containers = workload.at_path(list);
    if (containers == nullptr || !containers->is_array()) continue;
    for (const auto& container : *containers->elements()) out.insert(container.text_or("image", ""));
  }
  return out;
}

bool selects(const json::Value& workload, const json::Value& pod) {
  const auto* wanted = workload.at_path("spec/selector/matchLabels");
  const auto* labels = pod.at_path("metadata/labels");
  if (wanted == nullptr || wanted->members() == nullptr || wanted->members()->empty() || labels == nullptr)
    return false;
  if (text(workload, "metadata/namespace") != text(pod, "metadata/namespace")) return false;
  return std::ranges::all_of(*wanted->members(), [&](const auto& label) {
    const auto* has = labels->find(label.first);
    return has != nullptr && *has == label.second;
  });
}

Health health_of(const json::Value& object) {
  const std::string kind = text(object, "kind");
  Health out{State::current, kind + "/" + text(object, "metadata/name"), {}};
  const auto* observed = object.at_path("status/observedGeneration");
  if (object.at_path("metadata/deletionTimestamp") != nullptr)
    return {State::in_progress, out.subject, "is being deleted"};
  // The controller has not processed this version of the object yet: its status describes an older one.
  if ((kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet") &&
      (observed == nullptr || observed->unsigned_integer().value_or(0) < number(object, "metadata/generation"))) {
    return {State::in_progress, out.subject, "not seen by its controller yet"};
  }
  if (const auto rule = std::ranges::find(kRules, kind, &Rule::kind); rule != kRules.end()) rule->judge(object, out);
  return out;
}

}  // namespace sealift::kube
