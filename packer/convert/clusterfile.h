// SPDX-License-Identifier: Apache-2.0
//
// Clusterfiles of sealer (v1alpha1, v1, v2) and sealos (v1beta1) as cluster.yaml. No secret is copied: passwords become
// prompts, and those in values become variables. packer/MIGRATING.md has the table of fields.
#pragma once

#include <string>
#include <vector>

#include "packer/convert/conversion.h"
#include "payload/yaml/node.h"

namespace sealift::convert {

// Whether one of the documents is of a kind and version that sealer and sealos read.
bool is_clusterfile(const std::vector<yaml::Node>& documents);

Conversion convert_clusterfile(const std::vector<yaml::Node>& documents, const std::string& file);

}  // namespace sealift::convert
