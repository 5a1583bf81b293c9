// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/stored_referrers.h"

#include "payload/json/value.h"

namespace sealift::sources {
namespace {

json::Value to_json(const image::Descriptor& entry, const image::Manifest& manifest) {
  json::Value out = json::Value::object();
  out.set("mediaType", manifest.media_type);
  out.set("digest", entry.digest.text());
  out.set("size", entry.size);
  const auto& type = manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type;
  if (!type.empty()) out.set("artifactType", type);
  return out;
}

}  // namespace

Result<std::map<Digest, ManifestBytes>> stored_referrers(const StoredFiles& files,
                                                         std::span<const image::Descriptor> entries) {
  std::map<Digest, json::Value> found;
  for (const auto& entry : entries) {
    if (!entry.unsupported_digest.empty()) continue;
    SEALIFT_ASSIGN(const auto bytes,
                   read_stored(files, "blobs/sha256/" + entry.digest.hex(), image::kMaxManifestBytes));
    if (!bytes) continue;
    const auto parsed = image::parse_manifest(*bytes, entry.media_type);
    const auto* manifest = parsed ? std::get_if<image::Manifest>(&*parsed) : nullptr;
    if (manifest == nullptr || !manifest->subject) continue;
    auto [list, fresh] = found.try_emplace(*manifest->subject, json::Value::array());
    list->second.push_back(to_json(entry, *manifest));
  }
  std::map<Digest, ManifestBytes> out;
  for (auto& [subject, manifests] : found) {
    json::Value index = json::Value::object();
    index.set("schemaVersion", uint64_t{2});
    index.set("mediaType", image::kOciIndex);
    index.set("manifests", std::move(manifests));
    const auto text = json::to_canonical(index);
    out[subject] = {hash::sha256(base::as_bytes(text)), std::string(image::kOciIndex), base::to_bytes(text)};
  }
  return out;
}

}  // namespace sealift::sources
