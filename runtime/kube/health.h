// SPDX-License-Identifier: Apache-2.0
//
// Is an object of Kubernetes as its owner wants it? Rules for each kind after kstatus (sigs.k8s.io/cli-utils); kinds
// without a rule are fine as soon as they exist. Pure: it looks at the JSON that the API gave.
#pragma once

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
// Of a List or a single object.
std::vector<Health> health_of_all(const json::Value& list);

}  // namespace sealift::kube
