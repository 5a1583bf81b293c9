// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "packer/sources/image_source.h"

namespace sealift::sources {
namespace {

// Each costs four requests, and what is found may be signed itself.
constexpr size_t kMaxSubjects = 256;

class Collector {
 public:
  Collector(ImageSource& source, const image::Reference& reference, Architecture host, const CancelToken& cancel)
      : source_(source), reference_(reference), host_(host), cancel_(cancel) {}

  Result<void> collect(const Digest& subject) {
    if (!subjects_.insert(subject).second) return {};
    if (subjects_.size() > kMaxSubjects)
      return fail(ErrorCode::limit_exceeded, "{}: more than {} manifests refer to it, directly or not",
                  reference_.text(), kMaxSubjects);
    const std::string tag = "sha256-" + subject.hex();
    SEALIFT_ASSIGN(auto list, source_.referrers(reference_, subject, cancel_));
    if (!list) {
      SEALIFT_ASSIGN(list, tagged(tag));
    }
    if (list) SEALIFT_TRY(take(tag, *list));
    for (const std::string_view kind : {".sig", ".att", ".sbom"}) {
      SEALIFT_ASSIGN(const auto document, tagged(tag + std::string(kind)));
      if (document) SEALIFT_TRY(take(tag + std::string(kind), *document));
    }
    return {};
  }

  std::vector<ImagePlan> found;

 private:
  Result<std::optional<ManifestBytes>> tagged(const std::string& tag) {
    image::Reference named = reference_;
    named.tag = tag;
    named.digest.reset();
    auto document = source_.resolve(named, {&host_, 1}, cancel_);
    if (document) return std::optional(std::move(*document));
    if (document.error().code == ErrorCode::not_found) return std::optional<ManifestBytes>{};
    return std::unexpected(std::move(document).error());
  }

  // A list of manifests, or one manifest, under a tag of its own.
  Result<void> take(const std::string& tag, const ManifestBytes& document) {
    const std::string name = reference_.name() + ":" + tag;
    auto parsed = image::parse_manifest(document.bytes, document.media_type);
    if (!parsed) return fail_while(std::move(parsed).error(), "reading " + name);
    const auto* index = std::get_if<image::Index>(&*parsed);
    if (index == nullptr) return keep(name, document, std::get<image::Manifest>(*parsed));
    const auto entries = index->manifests;
    if (entries.empty()) return {};  // most images: nothing refers to them
    ImagePlan plan;
    plan.image = {name, {document.digest, document.bytes.size()}, index->media_type, {}, {}};
    plan.documents.push_back(document);
    found.push_back(std::move(plan));
    for (const auto& entry : entries) {
      SEALIFT_ASSIGN(const auto manifest, source_.manifest(reference_, entry, cancel_));
      const std::string own_name = reference_.name() + "@" + entry.digest.text();
      auto content = image::parse_manifest(manifest.bytes, manifest.media_type);
      if (!content) return fail_while(std::move(content).error(), "reading " + own_name);
      const auto* single = std::get_if<image::Manifest>(&*content);
      if (single == nullptr)
        return fail(ErrorCode::unsupported, "{} refers to {} and is an index; only manifests are supported", own_name,
                    tag);
      SEALIFT_TRY(keep(own_name, manifest, *single));
    }
    return {};
  }

  Result<void> keep(const std::string& name, const ManifestBytes& document, const image::Manifest& manifest) {
    if (!names_.insert(name).second) return {};
    ImagePlan plan;
    const format::ObjectRef object{document.digest, document.bytes.size()};
    format::Image::Platform content{
        host_, object, manifest.media_type, {manifest.config.digest, manifest.config.size}, {}};
    // Not layers: nobody unpacks them, so there is nothing to measure.
    std::set<Digest> seen;
    const auto add = [&](const image::Descriptor& blob) {
      if (seen.insert(blob.digest).second) plan.blobs.push_back({blob, false});
    };
    add(manifest.config);
    for (const auto& layer : manifest.layers) {
      content.layers.push_back({layer.digest, layer.size});
      add(layer);
    }
    plan.image = {name, object, manifest.media_type, {std::move(content)}, {}};
    plan.documents.push_back(document);
    found.push_back(std::move(plan));
    return collect(document.digest);
  }

  ImageSource& source_;
  const image::Reference& reference_;
  const Architecture host_;
  const CancelToken& cancel_;
  std::set<Digest> subjects_;
  std::set<std::string> names_;
};

}  // namespace

Result<std::vector<ImagePlan>> plan_referrers(ImageSource& source, const image::Reference& reference,
                                              const ImagePlan& plan, Architecture host, const CancelToken& cancel) {
  Collector collector(source, reference, host, cancel);
  for (const auto& document : plan.documents) SEALIFT_TRY(collector.collect(document.digest));
  return std::move(collector.found);
}

}  // namespace sealift::sources
