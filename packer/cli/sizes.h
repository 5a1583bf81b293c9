// SPDX-License-Identifier: Apache-2.0
//
// What makes an artifact large: bytes by application, and its largest layers. Sizes are those of files and blobs as
// they are, not as they are stored.
#pragma once

#include <string>
#include <vector>

#include "payload/format/contents.h"

namespace sealift::packer_cli {

struct OwnerSize {
  std::string app;      // empty: what belongs to no application, as a base's images, programs and files
  uint64_t own = 0;     // bytes of what only this one has: without it, the artifact would be that much smaller
  uint64_t shared = 0;  // bytes of what others have too
};
// Of each application in the order of contents, and last of the rest: its files, its sets of values, and the images
// that were found in it.
std::vector<OwnerSize> sizes_by_app(const format::Contents& contents);

struct LayerSize {
  format::ObjectRef layer;
  std::vector<std::string> images;  // that have it, sorted
};
// At most `count`, the largest first.
std::vector<LayerSize> largest_layers(const format::Contents& contents, size_t count);

}  // namespace sealift::packer_cli
