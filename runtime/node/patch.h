// SPDX-License-Identifier: Apache-2.0
//
// A site's patches on a control plane, where `stage` has laid out an application: as helm's post-renderer, and for
// plain manifests. The changes themselves are the host's kubectl's.
#pragma once

#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::node {

// In a staged folder: kube::to_json's text of the patches, and a link to this program for helm to start.
inline constexpr std::string_view kPatchesFile = "patches.json";
inline constexpr std::string_view kProgramLink = "sealift";

// What the patches in `folder` make of manifests. Errors: those of kube::patch_objects.
Result<std::string> patch_manifests(const std::string& folder, const std::string& target_namespace,
                                    std::string_view manifests);

// The same for all manifests below <folder>/tree, which become one file there.
Result<void> patch_tree(const std::string& folder, const std::string& target_namespace);

}  // namespace sealift::node
