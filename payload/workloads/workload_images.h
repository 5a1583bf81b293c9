// SPDX-License-Identifier: Apache-2.0
//
// Which images a Kubernetes document asks for, found by its structure and not by how its text looks. It knows nothing
// of where the document came from or of what is packed.
#pragma once

#include <string>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::workloads {

struct ImageUse {
  std::string image;   // as written
  std::string object;  // "Deployment/shop"
  int line = 0;        // of the document's text
  bool operator==(const ImageUse&) const = default;
};

// Containers of all kinds and image volumes in the pods of Pod, PodTemplate, Deployment, StatefulSet, DaemonSet,
// ReplicaSet, ReplicationController, Job and CronJob, also in lists of them. What is never pulled (imagePullPolicy:
// Never) is not named. Source: Kubernetes API, core/v1 PodSpec.
std::vector<ImageUse> images_of(const yaml::Node& document);

}  // namespace sealift::workloads
