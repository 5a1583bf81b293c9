// SPDX-License-Identifier: Apache-2.0
//
// Where the packer gets images from: an OCI layout on disk or the registries that the images' names say. Both give
// manifests with their exact bytes, checked against their digests, and stream blobs to where they belong; who stores a
// blob compares it with its digest.
#pragma once

#include <memory>
#include <span>
#include <string>
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

// Any thread.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // What a name stands for: an index or a manifest. not_found if the source does not have it; invalid_input if it
  // stands for several and no single one serves all of `hosts`.
  virtual Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture> hosts,
                                        const CancelToken& cancel) = 0;
  virtual Result<ManifestBytes> manifest(const image::Reference& reference, const image::Descriptor& descriptor,
                                         const CancelToken& cancel) = 0;
  // Writes all bytes of the blob into the sink, in order and each once, however often the connection broke. `corrupt`
  // if there are more or fewer than the descriptor says.
  virtual Result<void> blob(const image::Reference& reference, const image::Descriptor& descriptor, base::Sink& sink,
                            const CancelToken& cancel) = 0;
};

// An OCI layout folder; names are the annotations org.opencontainers.image.ref.name of its index, as full references.
Result<std::unique_ptr<ImageSource>> open_oci_layout(const std::string& folder);

// Registries. `clock` must live longer.
struct RegistryOptions {
  distribution::EndpointOptions endpoints;
  std::vector<std::string> login_files;  // see distribution::login_files()
  distribution::Patience patience;
};
Result<std::unique_ptr<ImageSource>> open_registries(RegistryOptions options, Clock& clock);

// Everything of one image for the wanted platforms, as containerd on the hosts will choose it (image::choose). An image
// without one of them is invalid_input.
struct ImagePlan {
  format::Image image;  // with name, root, platforms
  std::vector<std::string>
      substitutes;  // what was chosen and is not the host's own platform: "linux/386 for linux/amd64"
  std::vector<ManifestBytes> documents;  // root, inner indexes and manifests, each once, to be packed as they are
  struct Blob {
    image::Descriptor descriptor;
    bool is_layer = false;
  };
  std::vector<Blob> blobs;  // configs and layers, each digest once
};
Result<ImagePlan> plan_image(ImageSource& source, const image::Reference& reference,
                             const std::vector<Architecture>& architectures, const CancelToken& cancel);

// Counts what a layer unpacks to. Its bytes are compressed as the media type says.
Result<format::LayerInfo> measure_layer(base::Source& layer, const std::string& media_type);

}  // namespace sealift::sources
