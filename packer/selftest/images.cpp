// SPDX-License-Identifier: Apache-2.0
#include "packer/selftest/images.h"

#include <algorithm>
#include <set>
#include <span>

#include "packer/sbom/attachments.h"
#include "payload/image/manifest.h"

namespace sealift::selftest {
namespace {

Result<std::variant<image::Manifest, image::Index>> read(const format::PayloadReader& payload,
                                                         const format::ObjectRef& object,
                                                         const std::string& media_type) {
  SEALIFT_ASSIGN(const auto bytes, payload.read_all(object.digest, image::kMaxManifestBytes));
  return image::parse_manifest(bytes, media_type);
}

// The digests that the image's root and its inner indexes lead to.
Result<std::set<Digest>> reachable(const format::PayloadReader& payload, const format::Image& image) {
  std::set<Digest> out{image.root.digest};
  const auto add = [&](const format::ObjectRef& object, const std::string& media_type) -> Result<void> {
    SEALIFT_ASSIGN(const auto document, read(payload, object, media_type));
    if (const auto* index = std::get_if<image::Index>(&document)) {
      for (const auto& entry : index->manifests) out.insert(entry.digest);
    }
    return {};
  };
  SEALIFT_TRY(add(image.root, image.media_type));
  for (const auto& inner : image.inner_indexes) SEALIFT_TRY(add(inner.object, inner.media_type));
  return out;
}

bool is_same(const image::Descriptor& named, const format::ObjectRef& packed) {
  return named.digest == packed.digest && named.size == packed.size;
}

Result<void> check_platform(const format::PayloadReader& payload, const format::Image& image,
                            const format::Image::Platform& platform, const std::set<Digest>& known,
                            resolve::Problems& problems) {
  const auto wrong = [&](std::string_view what) {
    problems.add(fail(ErrorCode::invalid_input, "the image {} for {}: {}; build the artifact again", image.name,
                      base::platform(platform.architecture), what));
  };
  if (!known.contains(platform.manifest.digest)) wrong("its index does not lead to its manifest");
  SEALIFT_ASSIGN(const auto document, read(payload, platform.manifest, platform.media_type));
  const auto* manifest = std::get_if<image::Manifest>(&document);
  if (manifest == nullptr) {
    wrong("there is an index where its manifest should be");
  } else if (!is_same(manifest->config, platform.config) ||
             !std::ranges::equal(manifest->layers, platform.layers, is_same)) {
    wrong("its manifest names other layers than the table of contents");
  }
  return {};
}

}  // namespace

Result<size_t> check_images(const format::PayloadReader& payload, resolve::Problems& problems) {
  const auto& contents = payload.contents();
  SEALIFT_ASSIGN(const auto attachments, sbom::attachments_of(payload));
  for (const auto& image : contents.images) {
    SEALIFT_ASSIGN(const auto known, reachable(payload, image));
    for (const auto& platform : image.platforms) SEALIFT_TRY(check_platform(payload, image, platform, known, problems));
  }
  for (const auto& name : attachments.other_images) {
    const auto& platforms = contents.find_image(name)->platforms;
    for (const auto& stub : contents.stubs) {
      if (std::ranges::contains(platforms, stub.architecture, &format::Image::Platform::architecture)) continue;
      problems.add(fail(ErrorCode::invalid_input,
                        "the image {} is not packed for {}, and the artifact delivers to such hosts; build it again",
                        name, base::platform(stub.architecture)));
    }
  }
  return attachments.other_images.size();
}

}  // namespace sealift::selftest
