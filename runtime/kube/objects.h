// SPDX-License-Identifier: Apache-2.0
//
// Fields of Kubernetes objects as JSON. What is not there, or is of another type, reads as nothing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "payload/json/value.h"

namespace sealift::kube {

inline std::string text(const json::Value& object, std::string_view path) {
  const auto* value = object.at_path(path);
  return value == nullptr || value->string() == nullptr ? std::string() : *value->string();
}

inline uint64_t number(const json::Value& object, std::string_view path, uint64_t otherwise = 0) {
  const auto* value = object.at_path(path);
  return value == nullptr ? otherwise : value->unsigned_integer().value_or(otherwise);
}

inline const json::Array& items(const json::Value& object, std::string_view path = "items") {
  static const json::Array kNone;
  const auto* list = object.at_path(path);
  return list == nullptr || !list->is_array() ? kNone : *list->elements();
}

// The helm release that an object belongs to, by name and namespace; empty if it belongs to none.
inline std::pair<std::string, std::string> release_of(const json::Value& object) {
  const auto* annotations = object.at_path("metadata/annotations");
  if (annotations == nullptr) return {};
  return {annotations->text_or("meta.helm.sh/release-name", ""),
          annotations->text_or("meta.helm.sh/release-namespace", "")};
}

}  // namespace sealift::kube
