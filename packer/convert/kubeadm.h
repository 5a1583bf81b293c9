// SPDX-License-Identifier: Apache-2.0
//
// kubeadm's documents of a Clusterfile as v1beta4 has them, without what Sealift sets itself. Source: kubeadm
// configuration v1beta3 and v1beta4.
#pragma once

#include <string>
#include <vector>

#include "packer/convert/report.h"
#include "payload/yaml/node.h"

namespace sealift::convert {

bool is_kubeadm(const yaml::Node& document);

// What cluster.yaml says elsewhere.
struct KubeadmSettings {
  std::string pods, services, port;
  std::vector<std::string> names;  // certSANs
};

// Null if nothing is left of it.
yaml::Node convert_kubeadm(const yaml::Node& document, KubeadmSettings& settings, const std::string& file,
                           Report& report);

}  // namespace sealift::convert
