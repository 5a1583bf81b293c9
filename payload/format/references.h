// SPDX-License-Identifier: Apache-2.0
//
// The one walk over everything that contents names by digest: the reader looks each digest up in its index, the writer
// among the packed objects; damage is reported under the name that people know. And whose a file is.
#pragma once

#include <functional>
#include <string_view>

#include "payload/format/contents.h"

namespace sealift::format {

enum class Part { program, file, image_root, inner_index, manifest, config, layer };

struct Reference {
  const ObjectRef& object;
  Part part = Part::file;
  std::string_view of;  // who refers to it: a tree path, an image's name, "a stub"
};

// Programs, then files by path, then images: for each its root, inner indexes, and per platform the manifest, config
// and layers. Stops at the first error.
Result<void> for_each_reference(const Contents& contents, const std::function<Result<void>(const Reference&)>& visit);
Result<void> for_each_reference(const Image& image, const std::function<Result<void>(const Reference&)>& visit);

// Whether the file of the tree lies in the application's folder, or is one of its sets of values.
bool has_file(const App& app, std::string_view path);

}  // namespace sealift::format
