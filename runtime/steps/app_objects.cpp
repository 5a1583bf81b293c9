// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_objects.h"

#include "payload/yaml/node.h"
#include "runtime/kube/manifests.h"

namespace sealift::steps {

std::vector<AppObject> objects_in(const std::string& manifests) {
  std::vector<AppObject> out;
  kube::for_each_object(manifests, [&](const yaml::Node& object) {
    AppObject one{object.text_at("apiVersion"), object.text_at("kind"), object.text_at("metadata/namespace"),
                  object.text_at("metadata/name")};
    if (!one.api_version.empty() && !one.kind.empty() && !one.name.empty()) out.push_back(std::move(one));
  });
  return out;
}

std::string manifests_of(const std::vector<AppObject>& objects, const std::string& target_namespace) {
  std::vector<yaml::Node> out;
  for (const auto& object : objects) {
    yaml::Node metadata = yaml::Node::make_mapping(), one = yaml::Node::make_mapping();
    metadata.set("name", yaml::Node::make_string(object.name));
    // kubectl ignores it where objects of the kind have none.
    metadata.set("namespace",
                 yaml::Node::make_string(object.target_namespace.empty() ? target_namespace : object.target_namespace));
    one.set("apiVersion", yaml::Node::make_string(object.api_version));
    one.set("kind", yaml::Node::make_string(object.kind));
    one.set("metadata", std::move(metadata));
    out.push_back(std::move(one));
  }
  return yaml::to_yaml(out);
}

}  // namespace sealift::steps
