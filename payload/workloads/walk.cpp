// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/walk.h"

#include <algorithm>
#include <array>

#include "payload/base/bytes.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"
#include "payload/workloads/places.h"

namespace sealift::workloads {
namespace {

// Kinds whose fields are named like images and hold none: RBAC has resources named "images", storage classes have
// imageFeatures, policies name images that they allow, kustomizations those that they replace.
constexpr auto kGroupsWithoutImages = std::to_array<std::string_view>(
    {"rbac.authorization.k8s.io", "storage.k8s.io", "snapshot.storage.k8s.io", "kustomize.config.k8s.io",
     "constraints.gatekeeper.sh", "templates.gatekeeper.sh"});
constexpr auto kKindsWithoutImages = std::to_array<std::string_view>({"PrometheusRule", "VMRule", "Event"});

// Members with free text, or copies and examples of what stands elsewhere.
constexpr auto kSkippedKeys = std::to_array<std::string_view>(
    {"labels", "matchLabels", "selector", "nodeSelector", "managedFields", "description", "alm-examples",
     "kubectl.kubernetes.io/last-applied-configuration", "helm.sh/images", "artifacthub.io/images",
     "rbd" /* volumes of Ceph: their image is a block device */});

bool is_container_list(std::string_view key) {
  const auto words = words_of_key(key);
  return !words.empty() && std::ranges::contains(std::to_array<std::string_view>({"containers", "steps", "sidecars"}),
                                                 std::string_view(words.back()));
}

bool is_one_container(std::string_view key) {
  if (key == "script" || key == "stepTemplate" || key == "containerDisk") return true;  // Argo, Tekton, KubeVirt
  const auto words = words_of_key(key);
  return !words.empty() && words.back() == "container";
}

bool is_command(std::string_view key) {
  const auto words = words_of_key(key);
  return !words.empty() &&
         std::ranges::contains(std::to_array<std::string_view>({"args", "arguments", "command", "cmd"}),
                               std::string_view(words.back()));
}

bool is_for_windows(const yaml::Node& pod) {
  if (pod.find("containers") == nullptr) return false;
  const auto* selector = pod.find("nodeSelector");
  return text_of(pod.at_path("os/name")) == "windows" ||
         (selector != nullptr && text_of(selector->find("kubernetes.io/os")) == "windows");
}

bool is_off(const yaml::Node& node) {
  const auto* enabled = node.find("enabled");
  return enabled != nullptr && text_of(enabled) == "false";
}

}  // namespace

void Walker::visit(const yaml::Node& node, const Context& context) {
  switch (node.kind) {
    case yaml::Kind::null: return;
    case yaml::Kind::scalar: visit_text(node, context); return;
    case yaml::Kind::sequence: visit_sequence(node, context); return;
    case yaml::Kind::mapping: visit_mapping(node, context); return;
  }
}

void Walker::visit_mapping(const yaml::Node& node, Context context) {
  const std::string kind = text_of(node.find("kind"));
  const std::string group = group_of(node);
  const bool is_object = !kind.empty() && node.find("apiVersion") != nullptr;
  if (is_object) {
    if (std::ranges::contains(kGroupsWithoutImages, group) || std::ranges::contains(kKindsWithoutImages, kind)) return;
    if (kind == "CustomResourceDefinition") {
      visit_schema(node, "", context);
      return;
    }
  }
  const bool has_data = is_object && group.empty() && (kind == "ConfigMap" || kind == "Secret");
  if (path_.empty()) {
    native_ = group.empty() || group == "apps" || group == "batch";
    if (has_data && kind == "ConfigMap") config_map_ = text_of(node.at_path("metadata/name"));
  }
  context.disabled = context.disabled || is_off(node);
  context.windows = context.windows || is_for_windows(node);
  std::set<std::string_view> done;
  if ((context.container && judge_container(node, context)) || (context.volume && judge_volume(node, context))) {
    done = {"image"};
  } else if (judge_variable(node, context)) {
    done = {"name", "value"};
  } else {
    done.insert_range(judge_split(node, context));
    const auto* version = node.find("version");
    if (version != nullptr && version->kind == yaml::Kind::scalar) context.version = version->text;
    done.merge(judge_siblings(siblings_of(node), context));
  }
  for (const auto& [key, value] : node.members) {
    if (done.contains(key)) continue;
    if (has_data && (key == "data" || key == "stringData") && value.kind == yaml::Kind::mapping) {
      visit_data(key, value, kind == "Secret" && key == "data", context);
    } else {
      visit_member(key, value, context);
    }
  }
}

void Walker::visit_member(const std::string& key, const yaml::Node& value, const Context& of_mapping) {
  if (std::ranges::contains(kSkippedKeys, key) || key.starts_with("_example")) return;
  Context context = of_mapping;
  context.word = key;
  context.key = what_key_says(key);
  // image: {uri: …}, images: {proxy: …}
  if (context.key == KeySays::nothing && of_mapping.key != KeySays::nothing) context.key = KeySays::perhaps;
  context.container = value.kind == yaml::Kind::mapping && is_one_container(key);
  context.volume = false;
  context.arguments = is_command(key);
  context.free_text = of_mapping.free_text || key == "annotations";
  const Step step(path_, key_part(key));
  visit(value, context);
}

void Walker::visit_sequence(const yaml::Node& node, const Context& context) {
  if (context.arguments) {
    visit_arguments(node, context);
    return;
  }
  Context of_item = context;
  of_item.word = {};
  std::vector<Sibling> variables;
  for (size_t i = 0; i < node.items.size(); ++i) {
    const auto* value = is_named_value(node.items[i]) ? node.items[i].find("value") : nullptr;
    if (value == nullptr || value->kind != yaml::Kind::scalar) continue;
    variables.push_back(
        {node.items[i].find("name")->text, base::trim(value->text), value, item_part(node.items[i], i) + ".value"});
  }
  const auto done = judge_siblings(variables, context);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const yaml::Node& item = node.items[i];
    if (is_named_value(item) && done.contains(item.find("name")->text)) continue;
    of_item.container = item.kind == yaml::Kind::mapping && is_container_list(context.word);
    of_item.volume = item.kind == yaml::Kind::mapping && context.word == "volumes";
    const Step step(path_, item_part(item, i));
    visit(item, of_item);
  }
}

// Entries are documents, whole names, or fields of their own. Those of a Secret are encoded.
void Walker::visit_data(const std::string& key, const yaml::Node& entries, bool encoded, const Context& context) {
  const Step step(path_, key_part(key));
  Context of_data = context;
  of_data.key = KeySays::nothing;
  of_data.data = true;
  const auto split = judge_siblings(siblings_of(entries), of_data);
  for (const auto& [name, value] : entries.members) {
    if (value.kind != yaml::Kind::scalar || split.contains(name)) continue;
    if (!encoded) {
      visit_member(name, value, of_data);
      continue;
    }
    const auto bytes = base::from_base64(value.text);
    const std::string text = bytes ? std::string(base::as_text(*bytes)) : "";
    if (text.empty() || !base::is_utf8(text)) continue;
    yaml::Node decoded = yaml::Node::make_string(text);
    decoded.line = value.line;
    visit_member(name, decoded, of_data);
  }
}

// Of a resource definition only defaults count: the API server fills them in where a resource is silent.
void Walker::visit_schema(const yaml::Node& node, std::string_view property, const Context& context) {
  if (node.kind == yaml::Kind::sequence) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Step step(path_, item_part(node.items[i], i));
      visit_schema(node.items[i], "", context);
    }
    return;
  }
  const auto* preset = node.find("default");
  if (preset != nullptr && what_key_says(property) == KeySays::image && text_of(node.find("type")) == "string" &&
      is_complete(text_of(preset))) {
    const Step step(path_, ".default");
    found(text_of(preset), "schema default", *preset, context);
  }
  for (const auto& [key, value] : node.members) {
    const Step step(path_, key_part(key));
    if (key != "properties" || value.kind != yaml::Kind::mapping) {
      visit_schema(value, "", context);
      continue;
    }
    for (const auto& [name, schema] : value.members) {
      const Step of_property(path_, key_part(name));
      visit_schema(schema, name, context);
    }
  }
}

void Walker::found(std::string image, const char* found_by, const yaml::Node& at, const Context& context) {
  if (context.windows) {
    omitted(image, "its pod asks for Windows nodes", at, context);
  } else if (const auto reason = artifact_reason(image)) {
    omitted(image, *reason, at, context);
  } else {
    findings_.images.push_back({std::move(image), object_, path_, line_of(at, context), found_by});
  }
}

void Walker::unresolved(std::string_view text, std::string why, const yaml::Node& at, const Context& context) {
  if (context.windows) return;
  findings_.unresolved.push_back({std::string(text), object_, path_, line_of(at, context), std::move(why)});
}

void Walker::omitted(std::string_view text, std::string reason, const yaml::Node& at, const Context& context) {
  findings_.omitted.push_back({std::string(text), object_, path_, line_of(at, context), std::move(reason)});
}

int Walker::line_of(const yaml::Node& at, const Context& context) {
  return context.embedded == 0 ? at.line : context.line;
}

}  // namespace sealift::workloads
