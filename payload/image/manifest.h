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
  std::string reference_name;  // annotation org.opencontainers.image.ref.name
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
};

bool is_index(std::string_view media_type);
bool is_manifest(std::string_view media_type);

// `media_type` is the source's (descriptor or Content-Type); if empty, the document's own. A document that names
// another type for itself, schema 1, foreign layers, more than 1024 entries and blobs above 1 PiB are invalid_input;
// more than kMaxManifestBytes is limit_exceeded.
Result<std::variant<Manifest, Index>> parse_manifest(ByteView bytes, std::string_view media_type);

// The index entry that containerd chooses on such a host: the nearest, the first of equals. Entries without a platform
// come only if no other fits; their configuration then decides. Null if none fits.
const Descriptor* choose(std::span<const Descriptor> entries, Architecture host);

// The platform in an image configuration. invalid_input if it is not a JSON object.
Result<Platform> parse_config_platform(ByteView bytes);

// "application/vnd.oci.image.layer.v1.tar+gzip" and the like.
enum class LayerCompression { none, gzip, zstd };
Result<LayerCompression> layer_compression(std::string_view media_type);

}  // namespace sealift::image
