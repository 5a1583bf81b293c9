// SPDX-License-Identifier: Apache-2.0
#include "payload/charts/objects.h"

#include <algorithm>
#include <array>
#include <utility>

#include "payload/base/bytes.h"
#include "payload/base/format.h"

namespace sealift::charts {
namespace {

// Without escapes.
uint64_t json_bytes(const yaml::Node& node) {
  uint64_t out = 2;  // quotes or brackets
  switch (node.kind) {
    case yaml::Kind::null: return 4;
    case yaml::Kind::scalar: return node.text.size() + (node.quoted ? 2 : 0);
    case yaml::Kind::sequence:
      for (const auto& item : node.items) out += json_bytes(item) + 1;
      return out;
    case yaml::Kind::mapping:
      for (const auto& [key, value] : node.members) out += key.size() + 4 + json_bytes(value);
      return out;
  }
  return out;
}

enum class Values { as_written, base64 };

uint64_t value_bytes(const yaml::Node* mapping, Values values) {
  uint64_t out = 0;
  if (mapping == nullptr) return out;
  for (const auto& [key, value] : mapping->members)
    out += values == Values::base64 ? value.text.size() / 4 * 3 : value.text.size();
  return out;
}

// Where the built-in kinds keep a pod's specification. Source: Kubernetes API, core/v1, apps/v1, batch/v1.
std::string_view pod_path(std::string_view api_version, std::string_view kind) {
  constexpr std::string_view kTemplate = "spec/template/spec";
  constexpr auto kPaths = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"v1 Pod", "spec"},
      {"v1 PodTemplate", "template/spec"},
      {"v1 ReplicationController", kTemplate},
      {"apps/v1 DaemonSet", kTemplate},
      {"apps/v1 Deployment", kTemplate},
      {"apps/v1 ReplicaSet", kTemplate},
      {"apps/v1 StatefulSet", kTemplate},
      {"batch/v1 CronJob", "spec/jobTemplate/spec/template/spec"},
      {"batch/v1 Job", kTemplate},
  });
  const auto name = base::format("{} {}", api_version, kind);
  const auto at = std::ranges::find(kPaths, name, &std::pair<std::string_view, std::string_view>::first);
  return at == kPaths.end() ? "" : at->second;
}

std::vector<std::string> containers_without_image(const yaml::Node& object, std::string_view path) {
  std::vector<std::string> out;
  const auto* pod = path.empty() ? nullptr : object.at_path(path);
  if (pod == nullptr) return out;
  std::string written = "." + std::string(path);
  std::ranges::replace(written, '/', '.');
  for (const char* list : {"initContainers", "containers"}) {
    const auto* containers = pod->find(list);
    if (containers == nullptr) continue;
    for (size_t i = 0; i < containers->items.size(); ++i) {
      const auto& container = containers->items[i];
      if (container.kind == yaml::Kind::mapping && container.text_at("image").empty())
        out.push_back(base::format("{}.{}[{}] ({})", written, list, i, container.text_at("name")));
    }
  }
  return out;
}

ObjectNote note_of(const yaml::Node& object) {
  ObjectNote out{.api_version = object.text_at("apiVersion"),
                 .kind = object.text_at("kind"),
                 .target_namespace = object.text_at("metadata/namespace"),
                 .name = object.text_at("metadata/name"),
                 .line = object.line,
                 .place = {},
                 .is_hook = false,
                 .defines = {},
                 .bytes = json_bytes(object),
                 .data_bytes = 0,
                 .annotation_bytes = 0,
                 .without_image = {}};
  if (const auto* annotations = object.at_path("metadata/annotations")) {
    out.is_hook = annotations->find("helm.sh/hook") != nullptr;
    out.annotation_bytes = value_bytes(annotations, Values::as_written);
    for (const auto& [key, value] : annotations->members) out.annotation_bytes += key.size();
  }
  if (out.kind == "CustomResourceDefinition")
    out.defines = base::format("{} {}", object.text_at("spec/group"), object.text_at("spec/names/kind"));
  if (out.api_version == "v1" && (out.kind == "ConfigMap" || out.kind == "Secret")) {
    out.data_bytes = value_bytes(object.find("data"), out.kind == "Secret" ? Values::base64 : Values::as_written) +
                     value_bytes(object.find("binaryData"), Values::base64) +
                     value_bytes(object.find("stringData"), Values::as_written);
  }
  out.without_image = containers_without_image(object, pod_path(out.api_version, out.kind));
  return out;
}

}  // namespace

std::vector<ObjectNote> notes_of(const yaml::Node& document) {
  std::vector<ObjectNote> out;
  if (document.kind != yaml::Kind::mapping) return out;
  const auto* items = document.find("items");
  if (!document.text_at("kind").ends_with("List") || items == nullptr || items->kind != yaml::Kind::sequence) {
    out.push_back(note_of(document));
    return out;
  }
  for (const auto& item : items->items) {
    if (item.kind == yaml::Kind::mapping) out.push_back(note_of(item));
  }
  return out;
}

}  // namespace sealift::charts
