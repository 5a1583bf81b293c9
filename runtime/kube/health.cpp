// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/health.h"

namespace sealift::kube {
namespace {

using State = Health::State;

uint64_t number(const json::Value& object, std::string_view path, uint64_t otherwise = 0) {
  const auto* value = object.at_path(path);
  return value == nullptr ? otherwise : value->unsigned_integer().value_or(otherwise);
}

std::string text(const json::Value& object, std::string_view path) {
  const auto* value = object.at_path(path);
  return value == nullptr || value->string() == nullptr ? std::string() : *value->string();
}

// status.conditions[type].status, and its message
std::string condition(const json::Value& object, std::string_view type, std::string* message = nullptr) {
  const auto* list = object.at_path("status/conditions");
  if (list == nullptr || !list->is_array()) return {};
  for (const auto& entry : *list->elements()) {
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
    out = {State::in_progress, out.subject, std::format("{} of {} replicas are available", number(object, "status/availableReplicas"), wanted)};
  }
}

void judge_stateful_set(const json::Value& object, Health& out) {
  const uint64_t wanted = number(object, "spec/replicas", 1);
  const bool updated = text(object, "spec/updateStrategy/type") == "OnDelete" || number(object, "status/updatedReplicas", wanted) >= wanted;
  if (number(object, "status/readyReplicas") < wanted || !updated) {
    out = {State::in_progress, out.subject, std::format("{} of {} replicas are ready", number(object, "status/readyReplicas"), wanted)};
  }
}

void judge_daemon_set(const json::Value& object, Health& out) {
  const uint64_t wanted = number(object, "status/desiredNumberScheduled");
  if (number(object, "status/updatedNumberScheduled") < wanted || number(object, "status/numberReady") < wanted) {
    out = {State::in_progress, out.subject, std::format("{} of {} pods are ready", number(object, "status/numberReady"), wanted)};
  }
}

void judge_job(const json::Value& object, Health& out) {
  std::string message;
  if (condition(object, "Failed", &message) == "True") {
    out = {State::failed, out.subject, message};
  } else if (condition(object, "Complete") != "True" && text(object, "spec/suspend") != "true") {
    out = {State::in_progress, out.subject, std::format("{} active, {} succeeded", number(object, "status/active"), number(object, "status/succeeded"))};
  }
}

void judge_pod(const json::Value& object, Health& out) {
  const std::string phase = text(object, "status/phase");
  if (phase == "Succeeded") return;
  if (phase == "Failed") {
    out = {State::failed, out.subject, text(object, "status/message")};
  } else if (condition(object, "Ready") != "True") {
    out = {State::in_progress, out.subject, "phase " + (phase.empty() ? "unknown" : phase)};
  }
}

void judge(std::string_view kind, const json::Value& object, Health& out) {
  if (kind == "Deployment") judge_deployment(object, out);
  if (kind == "StatefulSet") judge_stateful_set(object, out);
  if (kind == "DaemonSet") judge_daemon_set(object, out);
  if (kind == "Job") judge_job(object, out);
  if (kind == "Pod") judge_pod(object, out);
  if (kind == "PersistentVolumeClaim" && text(object, "status/phase") == "Lost") out = {State::failed, out.subject, "its volume is lost"};
  if (kind == "CustomResourceDefinition" && condition(object, "Established") != "True") out = {State::in_progress, out.subject, "not established yet"};
  if (kind == "APIService" && condition(object, "Available") != "True") out = {State::in_progress, out.subject, "not available yet"};
}

}  // namespace

Health health_of(const json::Value& object) {
  const std::string kind = text(object, "kind");
  Health out{State::current, kind + "/" + text(object, "metadata/name"), {}};
  const auto* observed = object.at_path("status/observedGeneration");
  if (object.at_path("metadata/deletionTimestamp") != nullptr) return {State::in_progress, out.subject, "is being deleted"};
  // The controller has not looked at this version of the object yet: its status is about an older one.
  if ((kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet") &&
      (observed == nullptr || observed->unsigned_integer().value_or(0) < number(object, "metadata/generation"))) {
    return {State::in_progress, out.subject, "not seen by its controller yet"};
  }
  judge(kind, object, out);
  return out;
}

std::vector<Health> health_of_all(const json::Value& list) {
  std::vector<Health> out;
  const auto* items = list.find("items");
  if (items == nullptr || !items->is_array()) {
    if (list.find("kind") != nullptr) out.push_back(health_of(list));
    return out;
  }
  for (const auto& item : *items->elements()) out.push_back(health_of(item));
  return out;
}

}  // namespace sealift::kube
