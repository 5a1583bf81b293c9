// SPDX-License-Identifier: Apache-2.0
//
// Plain manifests, checked before they are packed: a manifest that kubectl could not read at the site fails the build.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct WantedImage {
  std::string image;   // as written in the manifest
  std::string object;  // "Deployment/shop"
  std::string place;   // "manifests/shop.yaml:12"
};

// Reads every file as kubectl does: all documents, each an object with apiVersion and kind; otherwise invalid_input
// with file and line. Returns the images that the objects use.
Result<std::vector<WantedImage>> read_manifests(const Place& place, std::span<const LocalFile> files);

}  // namespace sealift::resolve
