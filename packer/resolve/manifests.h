// SPDX-License-Identifier: Apache-2.0
//
// Plain manifests, looked at before they are packed: what kubectl could not read at the site ends the build.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct WantedImage {
  std::string image;   // as the manifest writes it
  std::string object;  // "Deployment/shop"
  std::string place;   // "manifests/shop.yaml:12"
};

// Reads every file as kubectl does: all documents, each an object with apiVersion and kind. invalid_input with file and
// line otherwise. Gives the images that the objects ask for.
Result<std::vector<WantedImage>> read_manifests(const Place& place, std::span<const LocalFile> files);

}  // namespace sealift::resolve
