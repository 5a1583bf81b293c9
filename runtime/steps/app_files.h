// SPDX-License-Identifier: Apache-2.0
//
// The files of an application: as they are packed, and as the site wants them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "payload/format/app_limits.h"
#include "runtime/kube/patches.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

using format::kMaxAppFile;

// An application's files in the artifact, by path below its root.
std::vector<std::pair<std::string, format::TreeFile>> app_files(const format::Contents& contents,
                                                                const format::App& app);
// The same with their contents, and the site's changes in place.
Result<std::vector<std::pair<std::string, std::string>>> app_texts(const format::PayloadReader& payload,
                                                                   const SelectedApp& app);

// Over paths and contents of all of them, as they are packed.
Digest files_digest(const format::Contents& contents, const format::App& app);

// The site's patches of an application.
std::vector<kube::Patch> patches_of(const SelectedApp& app);

}  // namespace sealift::steps
