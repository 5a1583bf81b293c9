// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

class Planner {
 public:
  Planner(ImageSource& source, const image::Reference& reference, const std::vector<Architecture>& architectures,
          const CancelToken& cancel)
      : source_(source), reference_(reference), wanted_(architectures), cancel_(cancel) {}

  Result<ImagePlan> plan() {
    SEALIFT_ASSIGN(auto root, source_.resolve(reference_, wanted_, cancel_));
    out_.image.name = reference_.text();
    out_.image.root = {root.digest, root.bytes.size()};
    SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(root.bytes, root.media_type));
    add_document(root);
    std::visit([&](const auto& document) { out_.image.media_type = document.media_type; }, parsed);
    for (const Architecture host : wanted_) {
      if (const auto* index = std::get_if<image::Index>(&parsed)) {
        SEALIFT_TRY(take_index(*index, host, 0));
      } else {
        SEALIFT_TRY(take_checked(std::get<image::Manifest>(parsed), out_.image.root, host));
      }
    }
    return std::move(out_);
  }

 private:
  static constexpr int kMaxDepth = 8;  // of nested indexes; real ones have at most one level

  Result<void> take_index(const image::Index& index, Architecture host, int depth) {
    const auto* entry = image::choose(index.manifests, host);
    if (entry == nullptr) return missing(host, platforms_of(index));
    SEALIFT_ASSIGN(const auto document, source_.manifest(reference_, *entry, cancel_));
    SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(document.bytes, document.media_type));
    const format::ObjectRef object{document.digest, document.bytes.size()};
    if (const auto* inner = std::get_if<image::Index>(&parsed)) {
      if (depth == kMaxDepth)
        return fail(ErrorCode::invalid_input, "{}: more than {} indexes inside each other", reference_.text(),
                    kMaxDepth);
      if (add_document(document)) out_.image.inner_indexes.push_back({object, inner->media_type});
      return take_index(*inner, host, depth + 1);
    }
    add_document(document);
    const auto& manifest = std::get<image::Manifest>(parsed);
    if (!entry->platform) return take_checked(manifest, object, host);
    SEALIFT_TRY(check_image(manifest));
    take_manifest(manifest, object, *entry->platform, host);
    return {};
  }

  Result<void> check_image(const image::Manifest& manifest) const {
    const auto kind = image::artifact_kind(manifest);
    if (!kind) return {};
    return fail(ErrorCode::invalid_input, "{} is {}, no container image; {}", reference_.text(), *kind,
                kind->contains("chart")
                    ? "pack it with APP: `helm pull oci://" + reference_.name() + "` saves it as .tgz"
                    : "IMAGE packs only what the hosts can pull and run");
  }

  // A manifest for which no index gives a platform: its configuration decides.
  Result<void> take_checked(const image::Manifest& manifest, const format::ObjectRef& object, Architecture host) {
    SEALIFT_TRY(check_image(manifest));
    base::MemorySink config(image::kMaxManifestBytes);
    SEALIFT_TRY(source_.blob(reference_, manifest.config, 0, config, cancel_));
    SEALIFT_ASSIGN(const auto platform, image::parse_config_platform(config.data()));
    if (platform.architecture.empty()) {
      return fail(ErrorCode::invalid_input,
                  "{} is no container image: its configuration, of type {}, names no platform", reference_.text(),
                  base::printable(manifest.config.media_type));
    }
    if (!image::distance(platform, host)) return missing(host, {platform.text()});
    take_manifest(manifest, object, platform, host);
    std::ranges::find(out_.blobs, manifest.config.digest, &digest_of)->bytes = config.data();
    return {};
  }

  static const Digest& digest_of(const ImagePlan::Blob& blob) { return blob.descriptor.digest; }

  static std::vector<std::string> platforms_of(const image::Index& index) {
    std::vector<std::string> out;
    for (const auto& entry : index.manifests) {
      if (entry.platform && entry.platform->os != "unknown") out.push_back(base::printable(entry.platform->text()));
    }
    return out;
  }

  std::unexpected<Error> missing(Architecture host, const std::vector<std::string>& there) const {
    const bool other_cpu = std::ranges::any_of(there, [&](const std::string& platform) {
      return platform.starts_with(std::string(base::platform(host)) + "/");
    });
    return fail(
        ErrorCode::invalid_input,
        "{} has nothing for {} hosts, only {}{}; pack it with --platform for the platforms that it has, or use another image",
        reference_.text(), base::platform(host), there.empty() ? "entries without a platform" : base::join(there, ", "),
        other_cpu ? " (containerd takes no variant of a CPU)" : "");
  }

  void take_manifest(const image::Manifest& manifest, const format::ObjectRef& object, const image::Platform& found,
                     Architecture host) {
    if (found.text() != base::platform(host))
      out_.substitutes.push_back(base::format("{} for {}", found.text(), base::platform(host)));
    format::Image::Platform platform{
        host, object, manifest.media_type, {manifest.config.digest, manifest.config.size}, {}};
    add_blob(manifest.config, false);
    for (const auto& layer : manifest.layers) {
      platform.layers.push_back({layer.digest, layer.size});
      add_blob(layer, true);
    }
    out_.image.platforms.push_back(std::move(platform));
  }

  // False if it is already there: one document may serve several platforms.
  bool add_document(const ManifestBytes& document) {
    const bool is_new = !std::ranges::contains(out_.documents, document.digest, &ManifestBytes::digest);
    if (is_new) out_.documents.push_back(document);
    return is_new;
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

Result<ImagePlan> plan_image(ImageSource& source, const image::Reference& reference,
                             const std::vector<Architecture>& architectures, const CancelToken& cancel) {
  return Planner(source, reference, architectures, cancel).plan();
}

}  // namespace sealift::sources
