// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/document.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/layout.h"
#include "payload/image/manifest.h"
#include "payload/json/value.h"

namespace sealift::registry {
namespace {

constexpr uint64_t kVersion = 1;  // of the configuration
constexpr std::string_view kPlatforms = "dev.sealift.platforms";
constexpr size_t kMaxBlobs = size_t{1} << 16;

json::Value descriptor(std::string_view type, const writer::Run& run) {
  json::Value out = json::Value::object();
  out.set("mediaType", type);
  out.set("digest", run.digest.text());
  out.set("size", run.size);
  return out;
}

std::string joined(const std::vector<Architecture>& platforms) {
  std::vector<std::string> out;
  for (const auto architecture : platforms) out.emplace_back(base::platform(architecture));
  return base::join(out, ",");
}

Result<std::vector<Architecture>> parse_platforms(std::string_view text) {
  std::vector<Architecture> out;
  for (const auto part : base::split(text, ',')) {
    if (part.empty()) continue;
    const auto architecture = base::parse_architecture(part);
    if (!architecture) return fail(ErrorCode::corrupt, "{} is no platform", base::printable(part));
    out.push_back(*architecture);
  }
  return out;
}

Result<writer::Run> parse_descriptor(const json::Value* value, uint64_t most) {
  if (value == nullptr) return fail(ErrorCode::corrupt, "a descriptor is missing");
  SEALIFT_ASSIGN(const auto digest, value->text("digest"));
  SEALIFT_ASSIGN(const uint64_t size, value->natural("size"));
  const auto parsed = Digest::parse(digest);
  if (!parsed) return fail(ErrorCode::corrupt, "{} is no digest", base::printable(digest));
  if (size > most)
    return fail(ErrorCode::limit_exceeded, "{} would have {} bytes, at most {} are allowed", digest, size, most);
  return writer::Run{*parsed, size};
}

// Null if it has none; by its media types.
std::string kind_of(const json::Value& manifest) {
  const auto* config = manifest.find("config");
  std::string type = manifest.text_or("artifactType", "");
  if (type.empty() && config != nullptr) type = config->text_or("mediaType", "");
  if (type == "application/vnd.oci.image.config.v1+json" || type == "application/vnd.docker.container.image.v1+json")
    return "a container image";
  return type.empty() ? "no artifact" : base::format("an artifact of type {}", base::printable(type));
}

Bytes to_bytes(const json::Value& value) { return base::to_bytes(json::to_canonical(value)); }

}  // namespace

Result<Encoded> encode(const Document& document) {
  json::Value config = json::Value::object();
  config.set("version", kVersion);
  config.set("name", document.name);
  config.set("artifactVersion", document.version);
  config.set("identity", document.metadata.digest.text());
  config.set("metadataOffset", document.metadata_offset);
  config.set("platforms", joined(document.platforms));
  if (document.launch) config.set("launch", base::platform(*document.launch));
  Encoded out;
  out.config = to_bytes(config);

  json::Value layers = json::Value::array();
  layers.push_back(descriptor(kMetadataType, document.metadata));
  for (const auto& blob : document.blobs) layers.push_back(descriptor(kFramesType, blob));
  json::Value annotations = json::Value::object();
  annotations.set(std::string(kPlatforms), joined(document.platforms));
  if (!document.name.empty()) annotations.set("org.opencontainers.image.title", document.name);
  if (!document.version.empty()) annotations.set("org.opencontainers.image.version", document.version);
  json::Value manifest = json::Value::object();
  manifest.set("schemaVersion", 2);
  manifest.set("mediaType", image::kOciManifest);
  manifest.set("artifactType", kArtifactType);
  manifest.set("config", descriptor(kConfigType, {hash::sha256(out.config), out.config.size()}));
  manifest.set("layers", std::move(layers));
  manifest.set("annotations", std::move(annotations));
  out.manifest = to_bytes(manifest);
  if (out.manifest.size() > image::kMaxManifestBytes)
    return fail(ErrorCode::limit_exceeded, "its manifest would have {} bytes, registries take at most {}",
                out.manifest.size(), image::kMaxManifestBytes);
  return out;
}

Result<Parsed> parse_manifest(ByteView bytes) {
  SEALIFT_ASSIGN(const auto manifest, json::parse(base::as_text(bytes), {.bytes = image::kMaxManifestBytes}));
  const auto* config = manifest.find("config");
  if (config == nullptr || config->text_or("mediaType", "") != kConfigType)
    return fail(ErrorCode::invalid_input, "it is {}, not an artifact that `sealift push` has sent", kind_of(manifest));
  Parsed out;
  SEALIFT_ASSIGN(out.config, parse_descriptor(config, image::kMaxManifestBytes));
  const auto* layers = manifest.find("layers");
  if (layers == nullptr || !layers->is_array() || layers->elements()->empty())
    return fail(ErrorCode::corrupt, "its manifest names no layers");
  if (layers->elements()->size() > kMaxBlobs)
    return fail(ErrorCode::limit_exceeded, "its manifest names more than {} layers", kMaxBlobs);
  for (const auto& layer : *layers->elements()) {
    const bool is_first = &layer == &layers->elements()->front();
    const auto type = layer.text_or("mediaType", "");
    if (type != (is_first ? kMetadataType : kFramesType))
      return fail(ErrorCode::unsupported_version, "it holds {}, which this Sealift does not know; take a newer one",
                  base::printable(type));
    SEALIFT_ASSIGN(const auto run,
                   parse_descriptor(&layer, is_first ? format::kMaxMetadataSize : format::kMaxPayloadSize));
    if (is_first)
      out.document.metadata = run;
    else
      out.document.blobs.push_back(run);
  }
  return out;
}

Result<Document> with_config(Parsed parsed, ByteView bytes) {
  SEALIFT_ASSIGN(const auto config, json::parse(base::as_text(bytes), {.bytes = image::kMaxManifestBytes}));
  SEALIFT_ASSIGN(const uint64_t version, config.natural("version"));
  if (version > kVersion)
    return fail(ErrorCode::unsupported_version, "its configuration has version {}, this Sealift reads up to {}",
                version, kVersion);
  Document out = std::move(parsed.document);
  out.name = config.text_or("name", "");
  out.version = config.text_or("artifactVersion", "");
  SEALIFT_ASSIGN(out.metadata_offset, config.natural("metadataOffset"));
  SEALIFT_ASSIGN(out.platforms, parse_platforms(config.text_or("platforms", "")));
  if (const auto launch = config.text_or("launch", ""); !launch.empty()) {
    out.launch = base::parse_architecture(launch);
    if (!out.launch) return fail(ErrorCode::corrupt, "{} is no platform", base::printable(launch));
  }
  if (config.text_or("identity", "") != out.metadata.digest.text())
    return fail(ErrorCode::corrupt, "its configuration is of another artifact than its metadata");
  return out;
}

Bytes encode_index(const std::vector<Entry>& entries) {
  json::Value list = json::Value::array();
  for (const auto& entry : entries) {
    json::Value one = descriptor(image::kOciManifest, entry.manifest);
    one.set("artifactType", kArtifactType);
    if (!entry.platforms.empty()) {
      // One entry for each manifest: Harbor keeps no second one. The annotation has all platforms.
      json::Value platform = json::Value::object();
      platform.set("os", "linux");
      platform.set("architecture", base::name(entry.platforms.front()));
      one.set("platform", std::move(platform));
    }
    json::Value annotations = json::Value::object();
    annotations.set(std::string(kPlatforms), joined(entry.platforms));
    one.set("annotations", std::move(annotations));
    list.push_back(std::move(one));
  }
  json::Value out = json::Value::object();
  out.set("schemaVersion", 2);
  out.set("mediaType", image::kOciIndex);
  out.set("artifactType", kArtifactType);
  out.set("manifests", std::move(list));
  return to_bytes(out);
}

Result<std::optional<std::vector<Entry>>> parse_index(ByteView bytes) {
  SEALIFT_ASSIGN(const auto index, json::parse(base::as_text(bytes), {.bytes = image::kMaxManifestBytes}));
  const auto* manifests = index.find("manifests");
  if (manifests == nullptr || !manifests->is_array()) return std::optional<std::vector<Entry>>();
  std::vector<Entry> out;
  for (const auto& manifest : *manifests->elements()) {
    if (manifest.text_or("artifactType", "") != kArtifactType) continue;  // a signature, say
    Entry entry;
    SEALIFT_ASSIGN(entry.manifest, parse_descriptor(&manifest, image::kMaxManifestBytes));
    const auto* annotations = manifest.find("annotations");
    SEALIFT_ASSIGN(entry.platforms,
                   parse_platforms(annotations == nullptr ? "" : annotations->text_or(kPlatforms, "")));
    out.push_back(std::move(entry));
  }
  if (out.empty())
    return fail(ErrorCode::invalid_input, "it is an index without an artifact that `sealift push` has sent");
  return std::optional(std::move(out));
}

}  // namespace sealift::registry
