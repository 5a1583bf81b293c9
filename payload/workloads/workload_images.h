// SPDX-License-Identifier: Apache-2.0
//
// Finds the images that a Kubernetes document uses, by its structure, not by its text. Knows neither where the document
// came from nor what is packed.
#pragma once

#include <string>
#include <vector>

#include "payload/yaml/node.h"

namespace sealift::workloads {

struct ImageUse {
  std::string image;   // as written
  std::string object;  // "Deployment/shop"
  int line = 0;        // in the document's text
  bool operator==(const ImageUse&) const = default;
};

// Containers of all kinds and image volumes in the pods of Pod, PodTemplate, Deployment, StatefulSet, DaemonSet,
// ReplicaSet, ReplicationController, Job and CronJob, also in lists of them. Omits images that are never pulled
// (imagePullPolicy: Never). Source: Kubernetes API, core/v1 PodSpec.
std::vector<ImageUse> images_of(const yaml::Node& document);

}  // namespace sealift::workloads
