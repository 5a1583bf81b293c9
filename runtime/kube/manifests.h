// SPDX-License-Identifier: Apache-2.0
//
// Objects in rendered manifests. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/format/app_limits.h"
#include "payload/yaml/node.h"

namespace sealift::kube {

// As the build reads manifests.
inline constexpr yaml::Limits kManifestLimits{.bytes = format::kMaxAppFile, .depth = 256, .nodes = 500'000};

// Each object of manifests, those of lists one by one. Documents that can't be read are left out: kubectl or helm has
// said what is wrong with them.
void for_each_object(const std::string& manifests, const std::function<void(const yaml::Node& object)>& visit);

// helm makes and deletes a hook as its policy says: a hook that is not there has done its work.
bool is_hook(const yaml::Node& object);

// An object that is there for as long as its application is: if it is missing, somebody has deleted it. Jobs, Pods and
// hooks may be gone at any time.
struct LastingObject {
  std::string kind, target_namespace, name;  // no namespace: of the whole cluster
  std::string title() const;                 // "Deployment web/echo", "CustomResourceDefinition things.example.com"
  auto operator<=>(const LastingObject&) const = default;
};
bool lasts(std::string_view api_version, std::string_view kind);
// Of a kind that lasts; `target_namespace`: its own, or its application's.
LastingObject lasting_object(std::string kind, std::string target_namespace, std::string name);
// Those of manifests; `target_namespace` for objects that name none.
std::vector<LastingObject> lasting_objects(const std::string& manifests, const std::string& target_namespace);

}  // namespace sealift::kube
