// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/attachments.h"

#include <map>
#include <optional>
#include <set>

#include "payload/image/manifest.h"
#include "payload/image/reference.h"

namespace sealift::sbom {
namespace {

// "signature" of "a signature"
std::string without_article(std::string text) {
  for (const std::string_view article : {"an ", "a "}) {
    if (text.starts_with(article)) return text.substr(article.size());
  }
  return text;
}

// The digest in "sha256-HEX.sig".
std::optional<Digest> subject_in(const image::Reference& reference) {
  if (!image::is_referrer_tag(reference.tag)) return std::nullopt;
  const auto digest = Digest::from_hex(std::string_view(reference.tag).substr(7, 64));
  return digest ? std::optional(*digest) : std::nullopt;
}

class Finder {
 public:
  explicit Finder(const format::PayloadReader& payload) : payload_(payload) {}

  Result<Attachments> find() {
    const auto& images = payload_.contents().images;
    for (const auto& image : images) SEALIFT_TRY(read(image));
    for (const auto& image : images) take(image);
    return std::move(out_);
  }

 private:
  Result<void> read(const format::Image& image) {
    names_.emplace(image.root.digest, image.name);
    for (const auto& inner : image.inner_indexes) names_.emplace(inner.object.digest, image.name);
    for (const auto& platform : image.platforms) names_.emplace(platform.manifest.digest, image.name);
    SEALIFT_ASSIGN(const auto reference, image::parse_reference(image.name));
    SEALIFT_ASSIGN(const auto bytes, payload_.read_all(image.root.digest, image::kMaxManifestBytes));
    auto parsed = image::parse_manifest(bytes, image.media_type);
    if (!parsed) return fail_while(std::move(parsed).error(), "reading the image " + image.name);
    const auto subject = subject_in(reference);
    if (const auto* index = std::get_if<image::Index>(&*parsed)) {
      if (!subject) return {};
      lists_.insert(image.name);
      for (const auto& entry : index->manifests) subjects_.emplace(entry.digest, *subject);
      return {};
    }
    auto& manifest = std::get<image::Manifest>(*parsed);
    if (manifest.subject) subjects_.emplace(image.root.digest, *manifest.subject);
    if (subject) subjects_.emplace(image.root.digest, *subject);
    manifests_.emplace(image.name, std::move(manifest));
    return {};
  }

  void take(const format::Image& image) {
    if (lists_.contains(image.name)) return;
    const auto subject = subjects_.find(image.root.digest);
    const auto manifest = manifests_.find(image.name);
    if (subject == subjects_.end() || manifest == manifests_.end()) {
      out_.other_images.push_back(image.name);
      return;
    }
    const auto named = names_.find(subject->second);
    Attachment found{
        .of = named == names_.end() ? subject->second.text() : named->second,
        .name = image.name,
        .kind = without_article(image::artifact_kind(manifest->second).value_or("an artifact")),
        .media_type = manifest->second.media_type,
        .document = image.root,
    };
    for (const auto& layer : manifest->second.layers) {
      found.media_type = layer.media_type;
      found.document = {layer.digest, layer.size};
      out_.all.push_back(found);
    }
    if (manifest->second.layers.empty()) out_.all.push_back(std::move(found));  // all is said in the manifest
  }

  const format::PayloadReader& payload_;
  std::map<Digest, std::string> names_;               // of images, by all digests of theirs
  std::map<Digest, Digest> subjects_;                 // of manifests
  std::set<std::string> lists_;                       // images that are a registry's list of what refers to another one
  std::map<std::string, image::Manifest> manifests_;  // by the image's name
  Attachments out_;
};

}  // namespace

Result<Attachments> attachments_of(const format::PayloadReader& payload) { return Finder(payload).find(); }

}  // namespace sealift::sbom
