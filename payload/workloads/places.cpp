// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/places.h"

#include <algorithm>

#include "payload/base/format.h"

namespace sealift::workloads {

std::string key_part(std::string_view key) {
  const bool plain = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return plain ? base::format(".{}", key) : base::format("[{}]", key);
}

bool is_named_value(const yaml::Node& item) {
  const auto* name = item.find("name");
  if (name == nullptr || name->kind != yaml::Kind::scalar || name->text.empty() || name->text.size() > 200)
    return false;
  if (name->text.find_first_of("[] \t\n=/:") != std::string::npos) return false;
  const auto* value = item.find("value");
  return (value != nullptr && value->kind != yaml::Kind::mapping && value->kind != yaml::Kind::sequence) ||
         item.find("valueFrom") != nullptr;
}

std::string item_part(const yaml::Node& item, size_t index) {
  return is_named_value(item) ? base::format("[name={}]", text_of(item.find("name"))) : base::format("[{}]", index);
}

std::string text_of(const yaml::Node* node) {
  return node != nullptr && node->kind == yaml::Kind::scalar ? node->text : "";
}

std::string group_of(const yaml::Node& object) {
  const std::string version = text_of(object.find("apiVersion"));
  const size_t slash = version.find('/');
  return slash == std::string::npos ? "" : version.substr(0, slash);
}

std::string object_name(const yaml::Node& object, std::string_view kind) {
  const std::string name = text_of(object.at_path("metadata/name"));
  if (kind.empty()) return name;
  return base::format("{}/{}", kind, name.empty() ? text_of(object.at_path("metadata/generateName")) : name);
}

}  // namespace sealift::workloads
