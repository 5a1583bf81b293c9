// SPDX-License-Identifier: Apache-2.0
//
// Manifests, indexes and image configurations of OCI and Docker (schema 2), parsed from their exact bytes. They are
// never re-encoded: they are packed as the source sent them. Source: OCI image specification 1.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/error.h"
#include "payload/hash/digest.h"
#include "payload/image/image_platform.h"

namespace sealift::image {

inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr size_t kMaxManifestBytes = size_t{4} << 20;

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;
  std::optional<Platform> platform;
  std::string reference_name;  // annotation org.opencontainers.image.ref.name: a full name, or a tag alone
  std::string image_name;      // annotation io.containerd.image.name: always a full name
  // A digest of another algorithm than SHA-256, in an index only: other entries are usable all the same. `digest` is
  // then meaningless.
  std::string unsupported_digest;
};

struct Manifest {
  std::string media_type;
  std::string artifact_type;  // "artifactType", of what is no image
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Digest> subject;  // what it refers to: set in signatures and the like
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
};

bool is_index(std::string_view media_type);
bool is_manifest(std::string_view media_type);

// `media_type` is the source's label (descriptor or Content-Type). The document decides: first by the type that it
// names itself, then by its label if that is a type of manifests, then by its shape. An index that is labelled as a
// manifest, or the reverse, is refused, as in containerd; so are schema 1, foreign layers, more than 1024 entries and
// blobs above 1 PiB: all invalid_input. More than kMaxManifestBytes is limit_exceeded.
Result<std::variant<Manifest, Index>> parse_manifest(ByteView bytes, std::string_view media_type);

// The index entry that containerd chooses on such a host: the nearest, the first of equals. Entries without a platform
// come only if no other fits; their configuration then decides. Null if none fits.
const Descriptor* choose(std::span<const Descriptor> entries, Architecture host);

// The platform in an image configuration. invalid_input if it is not a JSON object.
Result<Platform> parse_config_platform(ByteView bytes);

// What a manifest holds if it is no container image: "a helm chart", "a signature", "an artifact of type …". nullopt
// for images. Such a manifest may have an image's configuration (cosign writes one), so its layers count too.
std::optional<std::string> artifact_kind(const Manifest& manifest);

// How containerd unpacks a layer of this type: the label only says that there may be a compression, the layer's first
// bytes decide which one (gzip, zstd or none); an uncompressed OCI layer is never looked at. Source: DiffCompression
// and DecompressStream in containerd 2.
enum class LayerCompression { never, by_content };
Result<LayerCompression> layer_compression(std::string_view media_type);

}  // namespace sealift::image
