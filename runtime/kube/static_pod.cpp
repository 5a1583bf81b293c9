// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/static_pod.h"

#include "payload/base/format.h"

namespace sealift::kube {

std::optional<std::string> argument(const yaml::Node& pod, std::string_view name) {
  const auto* containers = pod.at_path("spec/containers");
  if (containers == nullptr || containers->items.empty()) return std::nullopt;
  const std::string prefix = base::format("--{}=", name);
  for (const auto* key : {"command", "args"}) {
    const auto* words = containers->items.front().find(key);
    if (words == nullptr) continue;
    for (const auto& word : words->items) {
      if (word.text.starts_with(prefix)) return word.text.substr(prefix.size());
    }
  }
  return std::nullopt;
}

std::string etcd_prefix(const std::optional<std::string>& argument) {
  std::string out = argument.value_or("/registry");
  if (!out.ends_with('/')) out += '/';
  return out;
}

}  // namespace sealift::kube
