// SPDX-License-Identifier: Apache-2.0
//
// Is an object of Kubernetes as its owner wants it? Rules for each kind after kstatus (sigs.k8s.io/cli-utils); kinds
// without a rule are fine as soon as they exist. Pure: it looks at the JSON that the API gave.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "payload/json/value.h"

namespace sealift::kube {

struct Health {
  enum class State { current, in_progress, failed } state = State::current;
  std::string subject;  // "deployment/echo"
  std::string message;  // "1 of 3 replicas are ready"
};

Health health_of(const json::Value& object);
// Why a pod is not Ready, in the words of scheduler, kubelet or container: "CrashLoopBackOff: back-off 5m0s …". Empty
// if nobody says anything.
std::string pod_trouble(const json::Value& pod);
// The container of a pod that waits for an image: its image's name as the pod names it.
struct MissingImage {
  std::string image, message;
};
std::vector<MissingImage> missing_images(const json::Value& pod);
// The images that a workload's pod template names, as it names them.
std::set<std::string> template_images(const json::Value& workload);
// Whether a workload's selector (spec.selector.matchLabels) takes this pod.
bool selects(const json::Value& workload, const json::Value& pod);
// Of a List or a single object.
std::vector<Health> health_of_all(const json::Value& list);

}  // namespace sealift::kube
