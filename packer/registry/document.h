// SPDX-License-Identifier: Apache-2.0
//
// What a registry keeps about an artifact: an OCI image manifest with media types of its own, its configuration, and an
// index where one name stands for artifacts of several platforms (packer/REGISTRY.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/platform.h"
#include "payload/hash/digest.h"
#include "payload/writer/received.h"

namespace sealift::registry {

inline constexpr std::string_view kArtifactType = "application/vnd.sealift.artifact.v1";
inline constexpr std::string_view kConfigType = "application/vnd.sealift.artifact.config.v1+json";
inline constexpr std::string_view kMetadataType = "application/vnd.sealift.artifact.metadata.v1";
inline constexpr std::string_view kFramesType = "application/vnd.sealift.artifact.frames.v1";

struct Document {
  std::string name, version;            // of the artifact; may be empty
  std::vector<Architecture> platforms;  // that it is packed for
  std::optional<Architecture> launch;   // whose program is at its head; none: a bare payload
  uint64_t metadata_offset = 0;         // in the payload
  writer::Run metadata;                 // its digest is the artifact's identity
  std::vector<writer::Run> blobs;       // of frames, in the order of the file
  bool operator==(const Document&) const = default;
};

struct Encoded {
  Bytes manifest, config;
};
// limit_exceeded if registries would not take the manifest.
Result<Encoded> encode(const Document& document);

// Of a manifest: where its configuration is, and all that the manifest itself says.
struct Parsed {
  Document document;  // without what the configuration says
  writer::Run config;
};
// invalid_input, saying what it is, if it is no artifact of Sealift; corrupt; limit_exceeded.
Result<Parsed> parse_manifest(ByteView manifest);
// Completes it. unsupported_version if a newer Sealift wrote it; corrupt.
Result<Document> with_config(Parsed parsed, ByteView config);

// An entry of an index.
struct Entry {
  writer::Run manifest;
  std::vector<Architecture> platforms;
};
Bytes encode_index(const std::vector<Entry>& entries);
// nullopt if it is no index at all.
Result<std::optional<std::vector<Entry>>> parse_index(ByteView document);

}  // namespace sealift::registry
