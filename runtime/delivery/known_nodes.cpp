// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/known_nodes.h"

#include <algorithm>

#include "runtime/kube/objects.h"
#include "runtime/steps/kubectl.h"

namespace sealift::delivery {
namespace {

KnownNode read_node(const json::Value& object) {
  const auto* metadata = object.find("metadata");
  KnownNode out{metadata == nullptr ? "" : metadata->text_or("name", ""), {}, false, false};
  const auto* labels = object.at_path("metadata/labels");
  out.is_control_plane = labels != nullptr && labels->find("node-role.kubernetes.io/control-plane") != nullptr;
  for (const auto& address : kube::items(object, "status/addresses")) {
    if (address.text_or("type", "") == "InternalIP" && out.ip.empty()) out.ip = address.text_or("address", "");
  }
  out.is_ready = std::ranges::any_of(kube::items(object, "status/conditions"), [](const json::Value& condition) {
    return condition.text_or("type", "") == "Ready" && condition.text_or("status", "") == "True";
  });
  out.runtime = kube::text(object, "status/nodeInfo/containerRuntimeVersion");
  return out;
}

}  // namespace

Result<std::vector<KnownNode>> ask_for_nodes(host::HostView& control_plane, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto text, steps::kubectl_get(control_plane, {"get", "nodes", "-o", "json"}, cancel));
  return read_nodes(text);
}

Result<std::vector<KnownNode>> read_nodes(std::string_view text) {
  SEALIFT_ASSIGN(const auto list, json::parse(text, steps::kHostJson));
  const auto* items = list.find("items");
  if (items == nullptr || !items->is_array()) return fail(ErrorCode::protocol, "kubectl get nodes: no list");
  std::vector<KnownNode> out;
  for (const auto& item : *items->elements()) out.push_back(read_node(item));
  return out;
}

}  // namespace sealift::delivery
