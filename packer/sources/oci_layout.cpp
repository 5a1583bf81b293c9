// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/image_source.h"
#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

class OciLayout final : public ImageSource {
 public:
  OciLayout(std::string folder, image::Index index) : folder_(std::move(folder)), index_(std::move(index)) {}

  Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture> hosts,
                                const CancelToken& cancel) override {
    std::vector<std::string> known;
    std::vector<image::Descriptor> named;
    for (const auto& descriptor : index_.manifests) {
      const auto name = image::parse_reference(descriptor.reference_name);
      if (!name) continue;
      if (name->name() == reference.name() &&
          (reference.digest ? descriptor.digest == *reference.digest : name->tag == reference.tag))
        named.push_back(descriptor);
      known.push_back(name->text());
    }
    if (named.empty()) {
      const auto near = base::nearest(reference.text(), std::vector<std::string_view>(known.begin(), known.end()));
      return fail(ErrorCode::not_found, "the OCI layout {} has no image {}{}", folder_, reference.text(),
                  near ? std::format("; did you mean {}?", *near) : "");
    }
    // Some tools write one entry per platform, all with the same name, instead of an index.
    const auto* chosen = named.size() == 1 ? &named.front() : image::choose(named, hosts.front());
    for (const Architecture host : hosts) {
      const auto* other = named.size() == 1 ? chosen : image::choose(named, host);
      if (other == nullptr)
        return fail(ErrorCode::invalid_input, "{}: none of the {} entries of this name in {}/index.json is for {}",
                    reference.text(), named.size(), folder_, base::platform(host));
      if (other->digest == chosen->digest) continue;
      return fail(
          ErrorCode::invalid_input,
          "{} stands {} times in {}/index.json, once a platform; pack one platform (--platform), or give the layout an index of this name",
          reference.text(), named.size(), folder_);
    }
    return manifest(reference, *chosen, cancel);
  }

  Result<ManifestBytes> manifest(const image::Reference&, const image::Descriptor& descriptor,
                                 const CancelToken&) override {
    SEALIFT_ASSIGN(auto bytes, base::read_file(path_of(descriptor.digest), image::kMaxManifestBytes));
    if (hash::sha256(bytes) != descriptor.digest)
      return fail(ErrorCode::corrupt, "{} does not have the digest it is named by", path_of(descriptor.digest));
    return ManifestBytes{descriptor.digest, descriptor.media_type, std::move(bytes)};
  }

  Result<void> blob(const image::Reference&, const image::Descriptor& descriptor, base::Sink& sink,
                    const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path_of(descriptor.digest)));
    if (file->size() != descriptor.size)
      return fail(ErrorCode::corrupt, "{} has {} bytes, its manifest says {}", descriptor.digest.text(), file->size(),
                  descriptor.size);
    base::FileSource bytes(*file);
    base::FunctionSink until_cancelled([&](ByteView data) -> Result<void> {
      SEALIFT_TRY(cancel.check());
      return sink.write(data);
    });
    SEALIFT_TRY(base::copy(bytes, until_cancelled));
    return {};
  }

 private:
  std::string path_of(const Digest& digest) const { return folder_ + "/blobs/sha256/" + digest.hex(); }
  std::string folder_;
  image::Index index_;
};

}  // namespace

Result<std::unique_ptr<ImageSource>> open_oci_layout(const std::string& folder) {
  auto bytes = base::read_file(folder + "/index.json", image::kMaxManifestBytes);
  if (!bytes) return fail(ErrorCode::invalid_input, "{} is not an OCI layout: {}", folder, bytes.error().text());
  auto parsed = image::parse_manifest(*bytes, image::kOciIndex);
  if (!parsed) return fail_while(std::move(parsed).error(), "reading " + folder + "/index.json");
  return std::unique_ptr<ImageSource>(std::make_unique<OciLayout>(folder, std::move(std::get<image::Index>(*parsed))));
}

}  // namespace sealift::sources
