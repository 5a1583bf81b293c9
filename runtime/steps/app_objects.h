// SPDX-License-Identifier: Apache-2.0
//
// The objects that an application consists of, by what identifies them.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/artifact_record.h"

namespace sealift::steps {

using AppObject = host::ArtifactRecord::Object;

// In their order. One without namespace stays so.
std::vector<AppObject> objects_in(const std::string& manifests);

// As manifests that name them and nothing else, for kubectl; `target_namespace` for those that name none.
std::string manifests_of(const std::vector<AppObject>& objects, const std::string& target_namespace);

}  // namespace sealift::steps
