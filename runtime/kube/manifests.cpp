// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/manifests.h"

#include <algorithm>
#include <array>
#include <span>

#include "payload/base/format.h"

namespace sealift::kube {
namespace {

struct LastingKind {
  std::string_view group, kind;
  bool has_namespace = true;
};
constexpr auto kLasting = std::to_array<LastingKind>({{"apps", "Deployment"},
                                                      {"apps", "StatefulSet"},
                                                      {"apps", "DaemonSet"},
                                                      {"apiextensions.k8s.io", "CustomResourceDefinition", false},
                                                      {"apiregistration.k8s.io", "APIService", false}});

}  // namespace

void for_each_object(const std::string& manifests, const std::function<void(const yaml::Node& object)>& visit) {
  const auto visit_document = [&](Result<yaml::Node> document) -> Result<void> {
    if (!document) return {};
    const auto* list = document->text_at("kind").ends_with("List") ? document->find("items") : nullptr;
    for (const auto& object : list == nullptr ? std::span<const yaml::Node>(&*document, 1) : std::span(list->items))
      visit(object);
    return {};
  };
  (void)yaml::for_each_document(manifests, "manifests", kManifestLimits, visit_document);
}

bool is_hook(const yaml::Node& object) {
  const auto* annotations = object.at_path("metadata/annotations");
  return annotations != nullptr && annotations->find("helm.sh/hook") != nullptr;
}

std::string LastingObject::title() const {
  return target_namespace.empty() ? base::format("{} {}", kind, name)
                                  : base::format("{} {}/{}", kind, target_namespace, name);
}

bool lasts(std::string_view api_version, std::string_view kind) {
  const auto group = api_version.substr(0, api_version.find('/'));
  return std::ranges::any_of(kLasting, [&](const auto& one) { return one.group == group && one.kind == kind; });
}

LastingObject lasting_object(std::string kind, std::string target_namespace, std::string name) {
  const auto known = std::ranges::find(kLasting, kind, &LastingKind::kind);
  if (known != kLasting.end() && !known->has_namespace) target_namespace.clear();
  return {std::move(kind), std::move(target_namespace), std::move(name)};
}

std::vector<LastingObject> lasting_objects(const std::string& manifests, const std::string& target_namespace) {
  std::vector<LastingObject> out;
  for_each_object(manifests, [&](const yaml::Node& object) {
    if (!lasts(object.text_at("apiVersion"), object.text_at("kind")) || is_hook(object)) return;
    const auto space = object.text_at("metadata/namespace");
    out.push_back(lasting_object(object.text_at("kind"), space.empty() ? target_namespace : space,
                                 object.text_at("metadata/name")));
  });
  return out;
}

}  // namespace sealift::kube
