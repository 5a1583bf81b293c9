// SPDX-License-Identifier: Apache-2.0
//
// Where the packer gets images: files on this machine, or the registries in the images' names. Both return manifests
// with their exact bytes, checked against their digests, and stream blobs to their destination; whoever stores a blob
// checks its digest.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/file.h"
#include "payload/base/stream.h"
#include "payload/distribution/registry.h"
#include "payload/format/contents.h"
#include "payload/image/manifest.h"
#include "payload/image/reference.h"

namespace sealift::sources {

struct ManifestBytes {
  Digest digest;
  std::string media_type;
  Bytes bytes;
};

// Concurrent requests: as many as registries and ordinary lines can take; more are no faster.
inline constexpr unsigned kRequests = 4;

// Any thread.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // For messages: where this image comes from: "images/", "docker.io", "docker.io's mirror https://…".
  virtual std::string place_of(const image::Reference& reference) const = 0;
  // Resolves a name to an index or a manifest. not_found if the source does not have it; invalid_input if the name is
  // ambiguous and no single candidate serves all of `hosts`.
  virtual Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture> hosts,
                                        const CancelToken& cancel) = 0;
  virtual Result<ManifestBytes> manifest(const image::Reference& reference, const image::Descriptor& descriptor,
                                         const CancelToken& cancel) = 0;
  // Whether blobs come over a network, so that what has come is worth keeping.
  virtual bool is_remote() const { return false; }
  // Writes the blob's bytes from `begin` on (0, or less than its size) into the sink, in order and each once, even if
  // the connection broke in between. `corrupt` if the size differs from the descriptor's.
  virtual Result<void> blob(const image::Reference& reference, const image::Descriptor& descriptor, uint64_t begin,
                            base::Sink& sink, const CancelToken& cancel) = 0;
  // What refers to a manifest, as an index; nullopt if the source has no such lists.
  virtual Result<std::optional<ManifestBytes>> referrers(const image::Reference&, const Digest&, const CancelToken&) {
    return std::optional<ManifestBytes>{};
  }
};

// What `--from=` names: "oci:FOLDER", "oci-archive:FILE" or "docker-archive:FILE", relative to `context`; or a store on
// this machine, "docker-daemon:" or "containerd:[NAMESPACE]" (image_store.h; `tools`: where ctr is looked for first).
// Folder or archive, layout or `docker save`: what is there decides. Images are found by digest, by full name, by tag
// if they have no more than that, and without a name if there is only one; with `Names::full` by digest and full name
// only, for a source that many images come from. Errors: invalid_input, unsupported (a place that is known, with what
// to do), and those of stored_archive().
enum class Names { any, full };
Result<std::unique_ptr<ImageSource>> open_source(std::string_view spec, const std::string& context,
                                                 Names names = Names::any, const std::string& tools = {});

// Registries. `clock` must outlive the source.
struct RegistryOptions {
  distribution::EndpointOptions endpoints;
  std::vector<std::string> login_files;  // see distribution::login_files()
  distribution::Patience patience;
};
Result<std::unique_ptr<ImageSource>> open_registries(RegistryOptions options, Clock& clock);

// Everything in one image for the wanted platforms, as containerd on the hosts will choose it (image::choose). An image
// that lacks one of them is invalid_input.
struct ImagePlan {
  format::Image image;                   // with name, root, platforms
  std::vector<std::string> substitutes;  // chosen, but not the host's own platform: "linux/386 for linux/amd64"
  std::vector<ManifestBytes> documents;  // root, inner indexes and manifests, each once, to be packed unchanged
  struct Blob {
    image::Descriptor descriptor;
    bool is_layer = false;
    std::optional<Bytes> bytes = {};  // if they had to be read for the plan; not yet compared with the digest
  };
  std::vector<Blob> blobs;  // configs and layers, each digest once
};
Result<ImagePlan> plan_image(ImageSource& source, const image::Reference& reference,
                             const std::vector<Architecture>& architectures, const CancelToken& cancel);

// What refers to an image: signatures, bills of materials, attestations and the like, each as a further image that the
// site's mirror serves like any other. Found by the registry's list of referrers or the tag `sha256-HEX` in its place,
// and by cosign's tags (`.sig`, `.att`, `.sbom`), for the root and each packed manifest, and for what is found itself.
// They are called `REPOSITORY:sha256-HEX.sig` and so on; those that a list names, `REPOSITORY@sha256:HEX`. `host` is
// the architecture that the contents document gives for them; it means nothing.
Result<std::vector<ImagePlan>> plan_referrers(ImageSource& source, const image::Reference& reference,
                                              const ImagePlan& plan, Architecture host, const CancelToken& cancel);

// Counts the unpacked bytes and files of a layer, read as containerd will (image::LayerCompression).
Result<format::LayerInfo> measure_layer(base::Source& layer, const std::string& media_type);

}  // namespace sealift::sources
