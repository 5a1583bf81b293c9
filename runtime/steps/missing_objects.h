// SPDX-License-Identifier: Apache-2.0
//
// Objects of applications that somebody has deleted by hand: what manifests and helm's releases say must be in the
// cluster, beside what is there. Three questions, whatever the number of applications.
#pragma once

#include <string>
#include <vector>

#include "runtime/host/artifact_record.h"
#include "runtime/host/host.h"
#include "runtime/kube/manifests.h"

namespace sealift::steps {

struct MissingObject {
  std::string app;
  kube::LastingObject object;
  bool operator==(const MissingObject&) const = default;
};

// Of the applications in `records`, in their order. What a chart brings as files of its folder crds/ is no part of its
// release. Errors: those of kubectl and of the agent.
Result<std::vector<MissingObject>> missing_objects(host::HostView& control_plane,
                                                   const std::vector<host::ArtifactRecord>& records,
                                                   const CancelToken& cancel);

}  // namespace sealift::steps
