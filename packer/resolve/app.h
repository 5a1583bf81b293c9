// SPDX-License-Identifier: Apache-2.0
//
// APP and CNI: what an application's files make it.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/manifests.h"
#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct LocalApp {
  format::App app;
  std::vector<LocalFile> files;
  std::vector<WantedImage> images;  // of manifests; charts are not rendered
};

// The type comes from the content: Chart.yaml makes a helm chart, only YAML and JSON files manifests. Charts that lack
// their Chart.yaml or dependencies, and manifests that can't be read, are refused.
Result<LocalApp> local_app(const Place& place, const AddApp& line, const std::string& context);

}  // namespace sealift::resolve
