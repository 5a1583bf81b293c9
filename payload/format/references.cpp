// SPDX-License-Identifier: Apache-2.0
#include "payload/format/references.h"

namespace sealift::format {

Result<void> for_each_reference(const Contents& contents, const std::function<Result<void>(const ObjectRef&, std::string_view of)>& visit) {
  for (const auto& stub : contents.stubs) SEALIFT_TRY(visit(stub.object, "a stub"));
  for (const auto& [path, file] : contents.tree) SEALIFT_TRY(visit(file.object, path));
  for (const auto& image : contents.images) {
    SEALIFT_TRY(visit(image.root, image.name));
    for (const auto& inner : image.inner_indexes) SEALIFT_TRY(visit(inner.object, image.name));
    for (const auto& platform : image.platforms) {
      SEALIFT_TRY(visit(platform.manifest, image.name));
      SEALIFT_TRY(visit(platform.config, image.name));
      for (const auto& layer : platform.layers) SEALIFT_TRY(visit(layer, image.name));
    }
  }
  return {};
}

}  // namespace sealift::format
