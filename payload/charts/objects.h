// SPDX-License-Identifier: Apache-2.0
//
// What is checked of an application's objects, apart from images: what the API server would refuse, and what only the
// last of two objects would decide, is told at the build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::charts {

// As much of an object as the checks need.
struct ObjectNote {
  std::string api_version, kind, target_namespace, name;
  int line = 0;
  std::string place;  // "manifests/shop.yaml:12", "erp/templates/web.yaml with ha.yaml"
  bool is_hook = false;
  std::string defines;                     // of a resource definition: "acme.example Thing"
  uint64_t bytes = 0;                      // as JSON
  uint64_t data_bytes = 0;                 // of a ConfigMap's or Secret's values
  uint64_t annotation_bytes = 0;           // keys and values
  std::vector<std::string> without_image;  // a pod's containers: ".spec.containers[0] (web)"
};

// Of the document's object, or of those in its list. Without places.
std::vector<ObjectNote> notes_of(const yaml::Node& document);

}  // namespace sealift::charts
