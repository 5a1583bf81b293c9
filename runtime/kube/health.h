// SPDX-License-Identifier: Apache-2.0
//
// Is a Kubernetes object in the state its owner wants? Rules for each kind follow kstatus (sigs.k8s.io/cli-utils);
// kinds without a rule are fine once they exist. Pure: it judges the API's JSON.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "payload/json/value.h"

namespace sealift::kube {

struct Health {
  enum class State { current, in_progress, failed } state = State::current;
  std::string subject;  // "Deployment/echo"
  std::string message;  // "1 of 3 replicas are ready"
};

Health health_of(const json::Value& object);
bool has_health_rule(std::string_view kind);
// Why a pod is not Ready, in the words of scheduler, kubelet or container: "CrashLoopBackOff: back-off 5m0s …". Empty
// if none of them gives a reason.
std::string pod_trouble(const json::Value& pod);
// A container waiting for its image; the image's name as in the pod.
struct MissingImage {
  std::string image, message;
};
std::vector<MissingImage> missing_images(const json::Value& pod);
// The images named in a workload's pod template, as written there.
std::set<std::string> template_images(const json::Value& workload);
// Whether a workload's selector (spec.selector.matchLabels) matches this pod.
bool selects(const json::Value& workload, const json::Value& pod);

}  // namespace sealift::kube
