// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <mutex>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

class Registries final : public ImageSource {
 public:
  Registries(RegistryOptions options, distribution::Logins logins, Clock& clock)
      : options_(std::move(options)), logins_(std::move(logins)), clock_(clock) {}

  std::string place_of(const image::Reference& reference) const override {
    const auto mirror = options_.endpoints.mirrors.find(reference.registry);
    if (mirror == options_.endpoints.mirrors.end()) return reference.registry;
    return base::format("{}'s mirror {}", reference.registry, mirror->second.origin.text());
  }

  Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture>,
                                const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* registry, registry_of(reference));
    if (reference.digest) return taken(registry->manifest(reference.repository, *reference.digest, cancel), {});
    return taken(registry->manifest(reference.repository, reference.tag, cancel), {});
  }

  Result<ManifestBytes> manifest(const image::Reference& reference, const image::Descriptor& descriptor,
                                 const CancelToken& cancel) override {
    if (!descriptor.unsupported_digest.empty())
      return fail(ErrorCode::unsupported, "{} has a manifest named by {}; only sha256 digests are supported",
                  reference.text(), base::printable(descriptor.unsupported_digest.substr(0, 20)) + "…");
    SEALIFT_ASSIGN(auto* registry, registry_of(reference));
    return taken(registry->manifest(reference.repository, descriptor.digest, cancel), descriptor.media_type);
  }

  bool is_remote() const override { return true; }

  Result<void> blob(const image::Reference& reference, const image::Descriptor& descriptor, uint64_t begin,
                    base::Sink& sink, const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* registry, registry_of(reference));
    return registry->blob(reference.repository, descriptor.digest, descriptor.size, begin, sink, cancel);
  }

  Result<std::optional<ManifestBytes>> referrers(const image::Reference& reference, const Digest& subject,
                                                 const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* registry, registry_of(reference));
    SEALIFT_ASSIGN(auto list, registry->referrers(reference.repository, subject, cancel));
    if (!list) return std::optional<ManifestBytes>{};
    return std::optional(ManifestBytes{list->digest, std::move(list->media_type), std::move(list->bytes)});
  }

 private:
  Result<distribution::Registry*> registry_of(const image::Reference& reference) {
    const std::lock_guard guard(mutex_);
    auto& out = registries_[reference.registry];
    if (!out) {
      SEALIFT_ASSIGN(out, distribution::Registry::open(reference.registry, options_.endpoints, logins_, clock_,
                                                       options_.patience));
    }
    return out.get();
  }

  // The descriptor's media type takes precedence over the registry's.
  static Result<ManifestBytes> taken(Result<distribution::RemoteManifest> remote, const std::string& media_type) {
    if (!remote) return std::unexpected(std::move(remote).error());
    if (!media_type.empty()) remote->media_type = media_type;
    return ManifestBytes{remote->digest, std::move(remote->media_type), std::move(remote->bytes)};
  }

  RegistryOptions options_;
  distribution::Logins logins_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<distribution::Registry>> registries_;
};

}  // namespace

Result<std::unique_ptr<ImageSource>> open_registries(RegistryOptions options, Clock& clock) {
  SEALIFT_ASSIGN(auto logins, distribution::Logins::read(options.login_files));
  return std::unique_ptr<ImageSource>(std::make_unique<Registries>(std::move(options), std::move(logins), clock));
}

}  // namespace sealift::sources
