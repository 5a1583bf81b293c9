// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/pods_on_node.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/health.h"
#include "runtime/kube/objects.h"

namespace sealift::steps {
namespace {

using kube::items;
using kube::number;
using kube::text;

constexpr size_t kMostNamed = 20;

std::string full_name(const json::Value& object) {
  return text(object, "metadata/namespace") + "/" + text(object, "metadata/name");
}

// The kind of what makes a pod again; empty if nothing does.
std::string controller(const json::Value& pod) {
  for (const auto& owner : items(pod, "metadata/ownerReferences")) {
    if (owner.boolean_or("controller", false)) return owner.text_or("kind", "?");
  }
  return {};
}

bool is_static(const json::Value& pod) {
  const auto* annotations = pod.at_path("metadata/annotations");
  return controller(pod) == "Node" ||
         (annotations != nullptr && annotations->find("kubernetes.io/config.mirror") != nullptr);
}

bool is_moved(const json::Value& pod) {
  const std::string phase = text(pod, "status/phase");
  return !is_static(pod) && controller(pod) != "DaemonSet" && phase != "Succeeded" && phase != "Failed";
}

template <class Say>
std::string list(const std::vector<PodOnNode>& pods, Say say) {
  std::vector<std::string> out;
  for (const auto& pod : pods) {
    if (auto said = say(pod); !said.empty()) out.push_back(std::move(said));
  }
  const size_t count = out.size();
  if (count > kMostNamed) {
    out.resize(kMostNamed);
    out.push_back(base::format("and {} more", count - kMostNamed));
  }
  return base::join(out, ", ");
}

}  // namespace

std::vector<PodOnNode> pods_to_move(const json::Value& pods, const json::Value& budgets) {
  std::vector<PodOnNode> out;
  const auto all_budgets = items(budgets, "items");
  for (const auto& pod : items(pods, "items")) {
    if (!is_moved(pod)) continue;
    PodOnNode one{full_name(pod), !controller(pod).empty(), {}, {}};
    for (const auto& volume : items(pod, "spec/volumes")) {
      if (volume.find("emptyDir") != nullptr) one.emptydirs.push_back(volume.text_or("name", "?"));
    }
    for (const auto& budget : all_budgets) {
      if (!kube::selects(budget, pod) || number(budget, "status/disruptionsAllowed") != 0) continue;
      one.budgets.push_back(base::format("{}: {} pods are ready, {} must be", full_name(budget),
                                         number(budget, "status/currentHealthy"),
                                         number(budget, "status/desiredHealthy")));
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::string losses(const std::vector<PodOnNode>& pods) {
  return list(pods, [](const PodOnNode& pod) -> std::string {
    if (!pod.loses()) return {};
    const std::string data =
        pod.emptydirs.empty() ? "" : base::format("the data in its emptyDir {}", base::join(pod.emptydirs, " and "));
    const std::string itself = pod.is_made_again ? "" : "the pod itself, which nothing makes again";
    return base::format("{} ({}{}{})", pod.name, itself, itself.empty() || data.empty() ? "" : "; ", data);
  });
}

std::string names_with_budgets(const std::vector<PodOnNode>& pods) {
  return list(pods, [](const PodOnNode& pod) {
    if (pod.budgets.empty()) return pod.name;
    return base::format("{} (held by the PodDisruptionBudget {})", pod.name, base::join(pod.budgets, "; "));
  });
}

}  // namespace sealift::steps
