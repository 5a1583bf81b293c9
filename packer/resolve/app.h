// SPDX-License-Identifier: Apache-2.0
//
// APP and CNI: turns an application's files into a format::App.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/manifests.h"
#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct LocalApp {
  format::App app;
  std::vector<LocalFile> files;
  std::vector<WantedImage> images;  // used by manifests; charts are not rendered
};

// The type follows from the content: Chart.yaml makes a helm chart; YAML and JSON files alone are manifests. Charts
// without their Chart.yaml or dependencies, and manifests that can't be read, are rejected.
Result<LocalApp> local_app(const Place& place, const AddApp& line, const std::string& context);

}  // namespace sealift::resolve
