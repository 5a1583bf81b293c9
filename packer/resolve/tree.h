// SPDX-License-Identifier: Apache-2.0
//
// Files of the build machine that go into the payload's tree: where each comes from and where it goes. Paths are read
// in sorted order, so that a build does not depend on the folder's own order.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/kubefile.h"

namespace sealift::resolve {

struct LocalFile {
  std::string source;  // on this machine
  std::string target;  // in the tree, safe and relative
  uint32_t mode = 0644;
};

// COPY: a folder's contents, or files into a folder (destination with "/" at its end, or several sources).
Result<std::vector<LocalFile>> copied_files(const Instruction& instruction, const std::string& context);

struct WantedImage {
  std::string image;   // as the manifest writes it
  std::string object;  // "Deployment/shop"
  std::string place;   // "manifests/shop.yaml:12"
};

struct LocalApp {
  format::App app;
  std::vector<LocalFile> files;
  std::vector<WantedImage> images;  // of manifests; charts are not rendered
};
// APP and CNI: the type comes from the content: Chart.yaml makes a helm chart, only YAML and JSON files manifests.
// Charts that lack dependencies and manifests that can't be read are refused.
Result<LocalApp> local_app(const Instruction& instruction, const std::string& context);

// A path of a Kubefile: absolute, or counted from the build's context.
std::string in_context(const std::string& context, const std::string& path);

}  // namespace sealift::resolve
