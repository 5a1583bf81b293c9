// SPDX-License-Identifier: Apache-2.0
//
// Plain manifests, checked before they are packed: a manifest that kubectl could not read at the site fails the build.
#pragma once

#include <span>
#include <vector>

#include "packer/resolve/tree.h"
#include "payload/charts/inspection.h"

namespace sealift::resolve {

// Reads every file as kubectl does: all documents, each an object with apiVersion, kind and a name; problems are
// invalid_input with file and line. Files that are a problem are left out.
std::vector<charts::Inspector> read_manifests(const Place& place, std::span<const LocalFile> files,
                                              const workloads::Rules& rules, Problems& problems);

}  // namespace sealift::resolve
