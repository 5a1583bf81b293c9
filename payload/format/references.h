// SPDX-License-Identifier: Apache-2.0
//
// The one walk over everything that contents names by digest: the reader looks every name up in its index, the writer
// among what was packed, and damage is told by the name that people know.
#pragma once

#include <functional>
#include <string_view>

#include "payload/format/contents.h"

namespace sealift::format {

enum class Part { program, file, image_root, inner_index, manifest, config, layer };

struct Reference {
  const ObjectRef& object;
  Part part = Part::file;
  std::string_view of;  // who refers to it: a path of the tree, an image's name, "a stub"
};

// Programs, then files by path, then images: each its root, inner indexes, and by platform manifest, config, layers.
// Ends at the first error.
Result<void> for_each_reference(const Contents& contents, const std::function<Result<void>(const Reference&)>& visit);
Result<void> for_each_reference(const Image& image, const std::function<Result<void>(const Reference&)>& visit);

}  // namespace sealift::format
