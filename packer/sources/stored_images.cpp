// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/stored_images.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "packer/sources/docker_archive.h"
#include "packer/sources/stored_referrers.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

// An image and what it is called. Of a docker archive, the descriptor is known once its manifest has been made.
struct Entry {
  image::Descriptor descriptor;
  std::optional<DockerImage> docker;
  std::vector<image::Reference> names;
  std::string tag;  // without a full name, as skopeo and `buildx build --output type=oci` may write it
  bool is_unnamed() const { return names.empty() && tag.empty(); }
};

// buildx, ctr and `docker save` write the full name as io.containerd.image.name and only the tag as ref.name; podman,
// skopeo and others write a full name or a tag as ref.name.
Entry entry_of(const image::Descriptor& descriptor) {
  Entry out{descriptor, {}, {}, {}};
  const bool is_tag = image::is_tag(descriptor.reference_name);
  for (const auto* text : {&descriptor.image_name, &descriptor.reference_name}) {
    if (text == &descriptor.reference_name && is_tag) continue;
    auto name = image::parse_reference(*text);
    if (name && !std::ranges::contains(out.names, *name)) out.names.push_back(std::move(*name));
  }
  if (is_tag && out.names.empty()) out.tag = descriptor.reference_name;
  return out;
}

Entry entry_of(DockerImage image) {
  Entry out;
  for (const auto& tag : image.tags) {
    if (auto name = image::parse_reference(tag)) out.names.push_back(std::move(*name));
  }
  out.docker = std::move(image);
  return out;
}

class StoredImages final : public ImageSource {
 public:
  StoredImages(std::unique_ptr<StoredFiles> files, std::vector<Entry> entries, Names names)
      : files_(std::move(files)), entries_(std::move(entries)), names_(names) {}

  std::string place_of(const image::Reference&) const override { return files_->place(); }

  Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture> hosts,
                                const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto named, candidates(reference));
    if (named.empty()) {
      if (reference.digest) {  // not in the index: a platform's manifest, for example
        image::Descriptor other;
        other.digest = *reference.digest;
        auto found = manifest(reference, other, cancel);
        if (found || found.error().code != ErrorCode::not_found) return found;
      }
      return fail(ErrorCode::not_found, "{} has no image {}; {}", files_->place(), reference.text(), known(reference));
    }
    // Some tools write one entry per platform, all with the same name, instead of an index.
    std::vector<image::Descriptor> chosen;
    for (const Architecture host : hosts) {
      SEALIFT_ASSIGN(auto descriptor, choose(named, host, reference));
      if (!std::ranges::contains(chosen, descriptor.digest, &image::Descriptor::digest))
        chosen.push_back(std::move(descriptor));
    }
    if (chosen.size() > 1)
      return fail(
          ErrorCode::invalid_input,
          "{} stands {} times in {}, once a platform; pack one platform (--platform), or give the layout an index of this name",
          reference.text(), named.size(), files_->place());
    return manifest(reference, chosen.front(), cancel);
  }

  Result<ManifestBytes> manifest(const image::Reference&, const image::Descriptor& descriptor,
                                 const CancelToken&) override {
    if (!descriptor.unsupported_digest.empty())
      return fail(ErrorCode::unsupported, "a manifest in {} is named by {}; only sha256 digests are supported",
                  files_->place(), base::printable(descriptor.unsupported_digest.substr(0, 20)) + "…");
    const std::string path = path_of(descriptor.digest);
    std::optional<Bytes> bytes = made_bytes(descriptor.digest);
    if (!bytes) {
      SEALIFT_ASSIGN(bytes, read_stored(*files_, path, image::kMaxManifestBytes));
    }
    if (!bytes)
      return fail(ErrorCode::not_found,
                  "{} lacks the manifest {}; it may have been saved without this platform, or copied in part",
                  files_->place(), descriptor.digest.text());
    if (hash::sha256(*bytes) != descriptor.digest)
      return fail(ErrorCode::corrupt, "{} in {} does not have the digest it is named by", path, files_->place());
    if (!descriptor.media_type.empty() && bytes->size() != descriptor.size)
      return fail(ErrorCode::corrupt, "{} in {} has {} bytes, its index says {}", path, files_->place(), bytes->size(),
                  descriptor.size);
    return ManifestBytes{descriptor.digest, descriptor.media_type, std::move(*bytes)};
  }

  Result<void> blob(const image::Reference&, const image::Descriptor& descriptor, uint64_t begin, base::Sink& sink,
                    const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto file, files_->open(path_of(descriptor.digest)));
    if (!file)
      return fail(ErrorCode::not_found, "{} lacks {}, which a manifest in it names; it may have been copied in part",
                  files_->place(), descriptor.digest.text());
    if (file->size() != descriptor.size)
      return fail(ErrorCode::corrupt, "{} has {} bytes, its manifest says {}", descriptor.digest.text(), file->size(),
                  descriptor.size);
    SEALIFT_ASSIGN(const auto rest, base::FileView::make(*file, begin, file->size() - begin));
    base::FileSource bytes(rest);
    base::FunctionSink until_cancelled([&](ByteView data) -> Result<void> {
      SEALIFT_TRY(cancel.check());
      return sink.write(data);
    });
    SEALIFT_TRY(base::copy(bytes, until_cancelled));
    return {};
  }

  // Without any, the tags of older tools are looked for.
  Result<std::optional<ManifestBytes>> referrers(const image::Reference&, const Digest& subject,
                                                 const CancelToken&) override {
    const std::lock_guard guard(mutex_);
    if (!referrers_) {
      std::vector<image::Descriptor> entries;
      for (const auto& entry : entries_) {
        if (!entry.docker) entries.push_back(entry.descriptor);
      }
      SEALIFT_ASSIGN(referrers_, stored_referrers(*files_, entries));
    }
    const auto found = referrers_->find(subject);
    return found == referrers_->end() ? std::optional<ManifestBytes>{} : std::optional(found->second);
  }

 private:
  // Each digest once. By digest alone if there is one: it says more than any name. By full name before a mere tag, and
  // the only image, if it has no name at all, is the one that is meant.
  Result<std::vector<image::Descriptor>> candidates(const image::Reference& reference) {
    const auto by_digest = [&](const Entry& entry) {
      return !entry.docker && entry.descriptor.digest == *reference.digest &&
             entry.descriptor.unsupported_digest.empty();
    };
    const auto by_name = [&](const Entry& entry) {
      return std::ranges::any_of(entry.names, [&](const image::Reference& name) {
        return name.name() == reference.name() && name.tag == reference.tag;
      });
    };
    const auto by_tag = [&](const Entry& entry) { return !entry.tag.empty() && entry.tag == reference.tag; };
    const auto only = [&](const Entry& entry) {
      return entries_.size() == 1 && entry.is_unnamed() && !image::is_referrer_tag(reference.tag);
    };
    std::vector<image::Descriptor> out;
    const auto take = [&](const auto& fits) -> Result<void> {
      for (auto& entry : entries_) {
        if (!fits(entry)) continue;
        SEALIFT_TRY(make(entry));
        if (!std::ranges::contains(out, entry.descriptor.digest, &image::Descriptor::digest))
          out.push_back(entry.descriptor);
      }
      return {};
    };
    const std::lock_guard guard(mutex_);
    if (reference.digest) {
      SEALIFT_TRY(take(by_digest));
      return out;
    }
    SEALIFT_TRY(take(by_name));
    if (names_ == Names::full) return out;
    if (out.empty()) SEALIFT_TRY(take(by_tag));
    if (out.empty()) SEALIFT_TRY(take(only));
    return out;
  }

  // With the mutex held.
  Result<void> make(Entry& entry) {
    if (!entry.docker || made_.contains(entry.descriptor.digest)) return {};
    SEALIFT_ASSIGN(auto made, make_manifest(*files_, *entry.docker));
    entry.descriptor = made.descriptor;
    made_[made.descriptor.digest] = std::move(made.bytes);
    paths_.merge(made.paths);
    return {};
  }

  // The one of several entries for these hosts. Where the index gives no platform, the configuration does.
  Result<image::Descriptor> choose(std::vector<image::Descriptor> named, Architecture host,
                                   const image::Reference& reference) {
    if (named.size() == 1) return named.front();
    for (auto& descriptor : named) {
      if (descriptor.platform || !image::is_manifest(descriptor.media_type)) continue;
      SEALIFT_ASSIGN(descriptor.platform, platform_of(descriptor, reference));
    }
    const auto* best = image::choose(named, host);
    if (best == nullptr)
      return fail(ErrorCode::invalid_input, "{}: none of the {} entries of this name in {} is for {}", reference.text(),
                  named.size(), files_->place(), base::platform(host));
    const auto same = std::ranges::count_if(named, [&](const image::Descriptor& other) {
      return other.platform.has_value() == best->platform.has_value() &&
             (!best->platform || *other.platform == *best->platform);
    });
    if (same > 1)
      return fail(
          ErrorCode::invalid_input,
          "{} stands {} times in {} for {}, with different content; name the one you mean by its digest ({}@{})",
          reference.text(), same, files_->place(), base::platform(host), reference.name(), best->digest.text());
    return *best;
  }

  Result<std::optional<image::Platform>> platform_of(const image::Descriptor& descriptor,
                                                     const image::Reference& reference) {
    SEALIFT_ASSIGN(const auto document, manifest(reference, descriptor, {}));
    SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(document.bytes, document.media_type));
    const auto* found = std::get_if<image::Manifest>(&parsed);
    if (found == nullptr) return std::optional<image::Platform>{};
    base::MemorySink config(image::kMaxManifestBytes);
    SEALIFT_TRY(blob(reference, found->config, 0, config, {}));
    SEALIFT_ASSIGN(auto platform, image::parse_config_platform(config.data()));
    return std::optional(std::move(platform));
  }

  // "it has a, b and 3 more", the nearest first.
  std::string known(const image::Reference& reference) const {
    constexpr size_t kShown = 8;
    std::set<std::string> names;
    for (const auto& entry : entries_) {
      for (const auto& name : entry.names) names.insert(name.text());
      if (!entry.tag.empty()) names.insert(base::format("one with only the tag {}", entry.tag));
      if (entry.is_unnamed()) names.insert("one without a name");
    }
    if (names.empty()) return "it has none at all";
    std::vector<std::string> sorted(names.begin(), names.end());
    if (const auto near = base::nearest(reference.text(), std::vector<std::string_view>(sorted.begin(), sorted.end())))
      std::ranges::rotate(sorted.begin(), std::ranges::find(sorted, *near), std::ranges::find(sorted, *near) + 1);
    const size_t more = sorted.size() - std::min(sorted.size(), kShown);
    sorted.resize(sorted.size() - more);
    return base::format("it has {}{}", base::join(sorted, ", "), more == 0 ? "" : base::format(" and {} more", more));
  }

  std::optional<Bytes> made_bytes(const Digest& digest) {
    const std::lock_guard guard(mutex_);
    const auto found = made_.find(digest);
    return found == made_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string path_of(const Digest& digest) {
    const std::lock_guard guard(mutex_);
    const auto found = paths_.find(digest);
    return found == paths_.end() ? "blobs/sha256/" + digest.hex() : found->second;
  }

  std::unique_ptr<StoredFiles> files_;
  std::mutex mutex_;  // for what follows
  std::vector<Entry> entries_;
  Names names_;
  std::map<Digest, Bytes> made_;                              // manifests that a docker archive lacks
  std::map<Digest, std::string> paths_;                       // blobs that do not lie in blobs/
  std::optional<std::map<Digest, ManifestBytes>> referrers_;  // by subject; read when somebody asks
};

// Images of manifest.json that the index does not have under their names.
Result<void> add_docker_images(const StoredFiles& files, std::vector<Entry>& entries) {
  SEALIFT_ASSIGN(const auto bytes, read_stored(files, "manifest.json", size_t{64} << 20));
  if (!bytes) return {};
  auto images = parse_docker_images(*bytes);
  if (!images) return fail_while(std::move(images).error(), "reading " + files.place());
  const bool has_index = !entries.empty();
  std::vector<image::Reference> there;
  for (const auto& entry : entries) there.insert(there.end(), entry.names.begin(), entry.names.end());
  for (auto& image : *images) {
    Entry entry = entry_of(std::move(image));
    std::erase_if(entry.names, [&](const image::Reference& name) { return std::ranges::contains(there, name); });
    if (!has_index || !entry.names.empty()) entries.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ImageSource>> open_stored_images(std::unique_ptr<StoredFiles> files, Names names) {
  std::vector<Entry> entries;
  SEALIFT_ASSIGN(const auto index, read_stored(*files, "index.json", image::kMaxManifestBytes));
  if (index) {
    auto parsed = image::parse_manifest(*index, image::kOciIndex);
    if (!parsed) return fail_while(std::move(parsed).error(), base::format("reading {}/index.json", files->place()));
    for (const auto& descriptor : std::get<image::Index>(*parsed).manifests) entries.push_back(entry_of(descriptor));
  }
  SEALIFT_TRY(add_docker_images(*files, entries));
  if (!index && entries.empty()) {
    SEALIFT_ASSIGN(const auto legacy, files->open("repositories"));
    if (legacy)
      return fail(
          ErrorCode::unsupported,
          "{} was written by a Docker before 1.10, without manifest.json; load it and save it again with a current one",
          files->place());
    return fail(ErrorCode::invalid_input,
                "{} holds no images: it has neither index.json (OCI) nor manifest.json (`docker save`){}",
                files->place(), files->hint());
  }
  return std::unique_ptr<ImageSource>(std::make_unique<StoredImages>(std::move(files), std::move(entries), names));
}

}  // namespace sealift::sources
