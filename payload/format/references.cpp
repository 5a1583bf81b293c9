// SPDX-License-Identifier: Apache-2.0
#include "payload/format/references.h"

#include <algorithm>

namespace sealift::format {

Result<void> for_each_reference(const Image& image, const std::function<Result<void>(const Reference&)>& visit) {
  SEALIFT_TRY(visit({image.root, Part::image_root, image.name}));
  for (const auto& inner : image.inner_indexes) SEALIFT_TRY(visit({inner.object, Part::inner_index, image.name}));
  for (const auto& platform : image.platforms) {
    SEALIFT_TRY(visit({platform.manifest, Part::manifest, image.name}));
    SEALIFT_TRY(visit({platform.config, Part::config, image.name}));
    for (const auto& layer : platform.layers) SEALIFT_TRY(visit({layer, Part::layer, image.name}));
  }
  return {};
}

Result<void> for_each_reference(const Contents& contents, const std::function<Result<void>(const Reference&)>& visit) {
  for (const auto& stub : contents.stubs) SEALIFT_TRY(visit({stub.object, Part::program, "a stub"}));
  for (const auto& [path, file] : contents.tree) SEALIFT_TRY(visit({file.object, Part::file, path}));
  for (const auto& image : contents.images) SEALIFT_TRY(for_each_reference(image, visit));
  return {};
}

bool has_file(const App& app, std::string_view path) {
  const bool is_below = path.size() > app.root.size() && path.starts_with(app.root) && path[app.root.size()] == '/';
  return is_below || std::ranges::contains(app.values, path);
}

}  // namespace sealift::format
