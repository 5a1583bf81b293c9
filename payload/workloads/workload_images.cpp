// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/workload_images.h"

#include <algorithm>
#include <array>

namespace sealift::workloads {
namespace {

std::string text_at(const yaml::Node& node, std::string_view path) {
  const auto* found = node.at_path(path);
  return found == nullptr ? "" : found->as_string().value_or("");
}

// The pod's spec in an object of this kind; null for other kinds.
const yaml::Node* pod_spec_of(const yaml::Node& object, std::string_view kind) {
  constexpr auto kWithTemplate = std::to_array<std::string_view>(
      {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"});
  if (kind == "Pod") return object.at_path("spec");
  if (kind == "PodTemplate") return object.at_path("template/spec");
  if (kind == "CronJob") return object.at_path("spec/jobTemplate/spec/template/spec");
  return std::ranges::contains(kWithTemplate, kind) ? object.at_path("spec/template/spec") : nullptr;
}

const std::vector<yaml::Node>& items_of(const yaml::Node& node, std::string_view key) {
  static const std::vector<yaml::Node> none;
  const auto* list = node.find(key);
  return list == nullptr ? none : list->items;
}

void add(std::vector<ImageUse>& out, const yaml::Node& holder, std::string_view field, const std::string& object) {
  const auto* image = holder.find(field);
  const auto text = image == nullptr ? std::nullopt : image->as_string();
  const bool never_pulled =
      text_at(holder, holder.find("pullPolicy") != nullptr ? "pullPolicy" : "imagePullPolicy") == "Never";
  if (text && !text->empty() && !never_pulled) out.push_back({*text, object, image->line});
}

void walk(const yaml::Node& object, std::vector<ImageUse>& out) {
  const std::string kind = text_at(object, "kind");
  if (kind.ends_with("List")) {
    for (const auto& item : items_of(object, "items")) walk(item, out);
    return;
  }
  const auto* pod = pod_spec_of(object, kind);
  if (pod == nullptr) return;
  const std::string name = text_at(object, "metadata/name");
  const std::string subject = kind + "/" + (name.empty() ? text_at(object, "metadata/generateName") : name);
  for (const char* containers : {"initContainers", "containers", "ephemeralContainers"}) {
    for (const auto& container : items_of(*pod, containers)) add(out, container, "image", subject);
  }
  for (const auto& volume : items_of(*pod, "volumes")) {
    if (const auto* image = volume.find("image")) add(out, *image, "reference", subject);
  }
}

}  // namespace

std::vector<ImageUse> images_of(const yaml::Node& document) {
  std::vector<ImageUse> out;
  walk(document, out);
  return out;
}

}  // namespace sealift::workloads
