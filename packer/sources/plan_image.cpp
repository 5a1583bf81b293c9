// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "packer/sources/image_source.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

class Planner {
 public:
  Planner(ImageSource& source, const image::Reference& reference, const std::vector<Architecture>& architectures, const CancelToken& cancel)
      : source_(source), reference_(reference), wanted_(architectures), cancel_(cancel) {}

  Result<ImagePlan> plan() {
    SEALIFT_ASSIGN(auto root, source_.resolve(reference_, cancel_));
    out_.image.name = reference_.text();
    out_.image.root = {root.digest, root.bytes.size()};
    SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(root.bytes, root.media_type));
    out_.documents.push_back(root);
    if (const auto* index = std::get_if<image::Index>(&parsed)) {
      out_.image.media_type = index->media_type;
      SEALIFT_TRY(take_index(*index));
    } else {
      const auto& manifest = std::get<image::Manifest>(parsed);
      out_.image.media_type = manifest.media_type;
      SEALIFT_TRY(take_single(manifest));
    }
    return std::move(out_);
  }

 private:
  Result<void> take_index(const image::Index& index) {
    for (const Architecture architecture : wanted_) {
      const auto found = std::ranges::find(index.manifests, std::optional(architecture), &image::Descriptor::architecture);
      if (found == index.manifests.end()) return missing(architecture);
      SEALIFT_ASSIGN(auto document, source_.manifest(reference_, *found, cancel_));
      SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(document.bytes, document.media_type));
      const auto* manifest = std::get_if<image::Manifest>(&parsed);
      if (manifest == nullptr) return fail(ErrorCode::invalid_input, "{}: an index inside an index is not supported", reference_.text());
      const format::ObjectRef object{document.digest, document.bytes.size()};
      out_.documents.push_back(std::move(document));
      take_manifest(*manifest, object, architecture);
    }
    return {};
  }

  // A manifest without an index: its configuration says for which platform it is.
  Result<void> take_single(const image::Manifest& manifest) {
    SEALIFT_ASSIGN(const auto config, source_.blob(reference_, manifest.config, cancel_));
    base::FileSource source(*config);
    SEALIFT_ASSIGN(const auto bytes, base::read_all(source, image::kMaxManifestBytes));
    SEALIFT_ASSIGN(const auto architecture, image::parse_config_architecture(bytes));
    for (const Architecture wanted : wanted_) {
      if (architecture != wanted) return missing(wanted);
    }
    take_manifest(manifest, out_.image.root, *architecture);
    return {};
  }

  std::unexpected<Error> missing(Architecture architecture) const {
    return fail(ErrorCode::invalid_input, "{} has no {} variant; pack it with --platform for the platforms that it has, or use another image", reference_.text(),
                base::platform(architecture));
  }

  void take_manifest(const image::Manifest& manifest, const format::ObjectRef& object, Architecture architecture) {
    format::Image::Platform platform{architecture, object, manifest.media_type, {manifest.config.digest, manifest.config.size}, {}};
    add_blob(manifest.config, false);
    for (const auto& layer : manifest.layers) {
      platform.layers.push_back({layer.digest, layer.size});
      add_blob(layer, true);
    }
    out_.image.platforms.push_back(std::move(platform));
  }

  void add_blob(const image::Descriptor& descriptor, bool is_layer) {
    if (seen_.insert(descriptor.digest).second) out_.blobs.push_back({descriptor, is_layer});
  }

  ImageSource& source_;
  const image::Reference& reference_;
  const std::vector<Architecture>& wanted_;
  const CancelToken& cancel_;
  std::set<Digest> seen_;
  ImagePlan out_;
};

}  // namespace

Result<ImagePlan> plan_image(ImageSource& source, const image::Reference& reference, const std::vector<Architecture>& architectures, const CancelToken& cancel) {
  return Planner(source, reference, architectures, cancel).plan();
}

}  // namespace sealift::sources
