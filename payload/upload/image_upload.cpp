// SPDX-License-Identifier: Apache-2.0
#include "payload/upload/image_upload.h"

#include <algorithm>
#include <set>

#include "payload/hash/digest.h"
#include "payload/json/value.h"

namespace sealift::upload {
namespace {

constexpr std::string_view kArtifactType = "application/vnd.sealift.index.v1";
// OCI image specification 1.1, "Guidance for an Empty Descriptor".
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json", kEmpty = "{}";

// The entries of an index whose manifests are packed, in their order and as they were.
Result<Bytes> reduced(ByteView index, const std::set<Digest>& packed) {
  SEALIFT_ASSIGN(auto document, json::parse(base::as_text(index)));
  json::Value kept = json::Value::array();
  const auto* manifests = document.find("manifests");
  for (size_t i = 0; manifests != nullptr && manifests->is_array() && i < manifests->elements()->size(); ++i) {
    const auto& entry = (*manifests->elements())[i];
    const auto digest = Digest::parse(entry.text_or("digest", ""));
    if (digest && packed.contains(*digest)) kept.push_back(entry);
  }
  document.set("manifests", std::move(kept));
  return base::to_bytes(json::to_canonical(document));
}

// Whether all that an index names is packed.
Result<bool> is_whole(ByteView index, const std::string& media_type, const std::set<Digest>& packed) {
  SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(index, media_type));
  const auto* list = std::get_if<image::Index>(&parsed);
  return list == nullptr ||
         std::ranges::all_of(list->manifests, [&](const auto& entry) { return packed.contains(entry.digest); });
}

std::set<Digest> packed_manifests(const format::Image& image) {
  std::set<Digest> out;
  for (const auto& platform : image.platforms) out.insert(platform.manifest.digest);
  for (const auto& inner : image.inner_indexes) out.insert(inner.object.digest);
  return out;
}

json::Value descriptor(std::string_view media_type, const Digest& digest, uint64_t size) {
  json::Value out = json::Value::object();
  out.set("mediaType", std::string(media_type));
  out.set("digest", digest.text());
  out.set("size", static_cast<int64_t>(size));
  return out;
}

distribution::Upload upload_of(ByteView bytes) {
  return {hash::sha256(bytes), bytes.size(), [bytes](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
            std::ranges::copy(bytes.subspan(static_cast<size_t>(offset), buffer.size()), buffer.begin());
            return {};
          }};
}

}  // namespace

std::string whole_index_tag(std::string_view reference) {
  return "sealift-" + hash::sha256(base::as_bytes(reference)).hex();
}

std::string whole_index_manifest(std::string_view media_type, const Digest& index, uint64_t size) {
  json::Value layers = json::Value::array();
  layers.push_back(descriptor(media_type, index, size));
  json::Value out = json::Value::object();
  out.set("schemaVersion", int64_t{2});
  out.set("mediaType", std::string(image::kOciManifest));
  out.set("artifactType", std::string(kArtifactType));
  out.set("config", descriptor(kEmptyType, hash::sha256(base::as_bytes(kEmpty)), kEmpty.size()));
  out.set("layers", std::move(layers));
  return json::to_canonical(out);
}

Result<image::Descriptor> whole_index_in(ByteView manifest) {
  SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(manifest, image::kOciManifest));
  const auto* document = std::get_if<image::Manifest>(&parsed);
  if (document == nullptr || document->artifact_type != kArtifactType || document->layers.size() != 1)
    return fail(ErrorCode::invalid_input, "this manifest keeps no index");
  return document->layers.front();
}

uint64_t ImageUpload::bytes_of(const format::Image& image) {
  uint64_t out = 0;
  for (const auto& platform : image.platforms) {
    out += platform.config.size;
    for (const auto& layer : platform.layers) out += layer.size;
  }
  return out;
}

Result<Sent> ImageUpload::send(const Target& target, const CancelToken& stop) {
  const auto& image = *target.image;
  for (const auto& platform : image.platforms) {
    SEALIFT_TRY(send_blobs(target, platform, stop));
    SEALIFT_TRY(send_manifest(target, {}, platform.manifest, platform.media_type, stop));
  }
  SEALIFT_ASSIGN(const Bytes root, artifact_.read_all(image.root.digest, image::kMaxManifestBytes));
  SEALIFT_ASSIGN(const bool whole, send_inner_indexes(target, root, stop));
  if (!whole) return send_reduced(target, root, stop);
  // An earlier image of this tag may have left its index beside it.
  if (index_ == WholeIndex::beside && !target.tag.empty()) {
    SEALIFT_ASSIGN(const auto kept, kept_beside(target, target.tag, stop));
    if (kept && *kept != image.root.digest) SEALIFT_TRY(send_index_beside(target, root, stop));
  }
  SEALIFT_TRY(send_manifest(target, target.tag, image.root, image.media_type, stop));
  return Sent{image.root.digest, false};
}

Result<bool> ImageUpload::is_there(const Target& target, const CancelToken& stop) {
  const auto& root = target.image->root.digest;
  if (index_ == WholeIndex::beside) {
    SEALIFT_ASSIGN(const auto kept, kept_beside(target, target.tag.empty() ? root.text() : target.tag, stop));
    if (kept) return *kept == root;
  }
  auto found = target.tag.empty() ? registry_.manifest(target.repository, root, stop)
                                  : registry_.manifest(target.repository, target.tag, stop);
  if (!found && found.error().code == ErrorCode::not_found) return false;
  if (!found) return fail(std::move(found).error());
  return found->digest == root;
}

Result<std::optional<Digest>> ImageUpload::kept_beside(const Target& target, std::string_view reference,
                                                       const CancelToken& stop) {
  auto found = registry_.manifest(target.repository, whole_index_tag(reference), stop);
  if (!found && found.error().code == ErrorCode::not_found) return std::optional<Digest>();
  if (!found) return fail(std::move(found).error());
  SEALIFT_ASSIGN(const auto index, whole_index_in(found->bytes));
  return std::optional(index.digest);
}

Result<bool> ImageUpload::send_inner_indexes(const Target& target, ByteView root, const CancelToken& stop) {
  const auto& image = *target.image;
  const auto packed = packed_manifests(image);
  bool whole = packed.contains(image.root.digest);  // the root is a manifest
  if (!whole) {
    SEALIFT_ASSIGN(whole, is_whole(root, image.media_type, packed));
  }
  for (const auto& inner : image.inner_indexes) {
    SEALIFT_ASSIGN(const Bytes bytes, artifact_.read_all(inner.object.digest, image::kMaxManifestBytes));
    SEALIFT_ASSIGN(const bool inner_whole, is_whole(bytes, inner.media_type, packed));
    whole = whole && inner_whole;
    if (whole) SEALIFT_TRY(send_manifest(target, {}, inner.object, inner.media_type, stop));
  }
  return whole;
}

Result<Sent> ImageUpload::send_reduced(const Target& target, ByteView root, const CancelToken& stop) {
  const auto& image = *target.image;
  Sent out{{}, true};
  if (image.platforms.size() == 1) {
    const auto& only = image.platforms.front();
    out.root = only.manifest.digest;
    SEALIFT_TRY(send_manifest(target, target.tag, only.manifest, only.media_type, stop));
  } else {
    SEALIFT_ASSIGN(Bytes index, reduced(root, packed_manifests(image)));
    out.root = hash::sha256(index);
    SEALIFT_TRY(
        registry_.push_manifest(target.repository, target.tag, {image.media_type, out.root, std::move(index)}, stop));
  }
  // Last: who finds it relies on all else.
  if (index_ == WholeIndex::beside) SEALIFT_TRY(send_index_beside(target, root, stop));
  return out;
}

Result<void> ImageUpload::send_index_beside(const Target& target, ByteView root, const CancelToken& stop) {
  const auto& image = *target.image;
  SEALIFT_TRY(registry_.push_blob(target.repository, upload_of(base::as_bytes(kEmpty)), {}, stop));
  SEALIFT_TRY(registry_.push_blob(target.repository, upload_of(root), {}, stop));
  const auto text = whole_index_manifest(image.media_type, image.root.digest, root.size());
  const distribution::RemoteManifest kept{std::string(image::kOciManifest), hash::sha256(base::as_bytes(text)),
                                          base::to_bytes(text)};
  SEALIFT_TRY(registry_.push_manifest(target.repository, whole_index_tag(image.root.digest.text()), kept, stop));
  if (target.tag.empty()) return {};
  return registry_.push_manifest(target.repository, whole_index_tag(target.tag), kept, stop);
}

Result<void> ImageUpload::send_blobs(const Target& target, const format::Image::Platform& platform,
                                     const CancelToken& stop) {
  SEALIFT_TRY(send_blob(target, platform.config, stop));
  for (const auto& layer : platform.layers) SEALIFT_TRY(send_blob(target, layer, stop));
  return {};
}

Result<void> ImageUpload::send_manifest(const Target& target, const std::string& tag, const format::ObjectRef& object,
                                        const std::string& media_type, const CancelToken& stop) {
  SEALIFT_ASSIGN(Bytes bytes, artifact_.read_all(object.digest, image::kMaxManifestBytes));
  return registry_.push_manifest(target.repository, tag, {media_type, object.digest, std::move(bytes)}, stop);
}

Result<void> ImageUpload::send_blob(const Target& target, const format::ObjectRef& object, const CancelToken& stop) {
  uint64_t told = 0;
  const auto stored = artifact_.find(object.digest);
  const auto raw = stored ? stored->raw_offset : std::nullopt;
  const distribution::Upload upload{
      object.digest, object.size, [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
        // The reader would hash a whole frame for each part; here the registry compares all of it with the digest.
        if (raw) {
          SEALIFT_TRY(artifact_.file().read_at(artifact_.payload_offset() + *raw + offset, buffer));
        } else {
          base::MemorySink sink(buffer.size());
          SEALIFT_TRY(artifact_.read(object.digest, {offset, buffer.size()}, sink));
          std::ranges::copy(sink.data(), buffer.begin());
        }
        sent_(buffer.size());
        told += buffer.size();
        return {};
      }};
  SEALIFT_TRY(registry_.push_blob(target.repository, upload, {}, stop));
  sent_(object.size - std::min(told, object.size));
  return {};
}

}  // namespace sealift::upload
