// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/docker_archive.h"

#include <algorithm>
#include <array>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/hash/digest.h"
#include "payload/json/value.h"

namespace sealift::sources {
namespace {

constexpr size_t kMaxImages = 4096, kMaxLayers = 1024;

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::invalid_input, "manifest.json is not one that `docker save` writes: {}", why);
}

Result<std::string> path_in(const json::Value& value) {
  if (value.string() == nullptr) return refuse("a path is not a text");
  auto path = base::clean_relative_path(*value.string());
  if (!path || path->empty())
    return refuse(base::format("\"{}\" is not a path in the archive", base::printable(*value.string())));
  return path;
}

// "0123….json" and "blobs/sha256/0123…" are named by their digest; "ID/layer.tar" is not.
std::optional<Digest> digest_in_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const auto digest = Digest::from_hex(std::string_view(name).substr(0, name.find('.')));
  return digest ? std::optional(*digest) : std::nullopt;
}

json::Value descriptor_json(const image::Descriptor& descriptor) {
  json::Value out;
  out.set("mediaType", descriptor.media_type);
  out.set("digest", descriptor.digest.text());
  out.set("size", descriptor.size);
  return out;
}

class Maker {
 public:
  Maker(const StoredFiles& files, const DockerImage& image) : files_(files), image_(image) {}

  Result<MadeManifest> make() {
    SEALIFT_ASSIGN(const auto config, read_stored(files_, image_.config, image::kMaxManifestBytes));
    if (!config) return missing(image_.config);
    const image::Descriptor config_descriptor =
        describe("application/vnd.oci.image.config.v1+json", hash::sha256(*config), config->size(), image_.config);
    if (const auto named = digest_in_name(image_.config); named && *named != config_descriptor.digest)
      return fail(ErrorCode::corrupt, "{} in {} does not have the digest it is named by", image_.config,
                  files_.place());
    SEALIFT_ASSIGN(const auto diff_ids, diff_ids_of(*config));
    json::Value layers = json::Value::array();
    for (size_t i = 0; i < diff_ids.size(); ++i) {
      SEALIFT_ASSIGN(const auto layer, describe_layer(image_.layers[i], diff_ids[i]));
      layers.push_back(descriptor_json(layer));
    }
    json::Value manifest;
    manifest.set("schemaVersion", 2);
    manifest.set("mediaType", image::kOciManifest);
    manifest.set("config", descriptor_json(config_descriptor));
    manifest.set("layers", std::move(layers));
    out_.bytes = base::to_bytes(json::to_canonical(manifest));
    out_.descriptor.media_type = image::kOciManifest;
    out_.descriptor.digest = hash::sha256(out_.bytes);
    out_.descriptor.size = out_.bytes.size();
    SEALIFT_ASSIGN(const auto platform, image::parse_config_platform(*config));
    if (!platform.architecture.empty()) out_.descriptor.platform = platform;
    return std::move(out_);
  }

 private:
  std::unexpected<Error> missing(const std::string& path) const {
    return fail(ErrorCode::corrupt, "{} lacks {}, which its manifest.json names; save it again", files_.place(), path);
  }

  image::Descriptor describe(std::string_view type, const Digest& digest, uint64_t size, const std::string& path) {
    out_.paths[digest] = path;
    image::Descriptor out;
    out.media_type = type;
    out.digest = digest;
    out.size = size;
    return out;
  }

  Result<std::vector<Digest>> diff_ids_of(ByteView config) const {
    const auto refuse_config = [&](std::string_view why) {
      return fail(ErrorCode::invalid_input, "the configuration {} in {} can't be used: {}", image_.config,
                  files_.place(), why);
    };
    const auto document = json::parse(base::as_text(config));
    if (!document || !document->is_object()) return refuse_config("it is not a JSON object");
    const auto* list = document->at_path("rootfs/diff_ids");
    if (list == nullptr || !list->is_array()) return refuse_config("it has no rootfs.diff_ids");
    std::vector<Digest> out;
    for (const auto& value : *list->elements()) {
      const auto digest = Digest::parse(value.string() == nullptr ? "" : *value.string());
      if (!digest) return refuse_config("a diff_id is not a sha256 digest");
      out.push_back(*digest);
    }
    if (out.size() != image_.layers.size())
      return refuse_config(base::format("it has {}, manifest.json names {}",
                                        base::counted(out.size(), "layer", "layers"), image_.layers.size()));
    return out;
  }

  Result<image::Descriptor> describe_layer(const std::string& path, const Digest& diff_id) {
    SEALIFT_ASSIGN(const auto file, files_.open(path));
    if (!file) return missing(path);
    std::array<std::byte, 4> first{};
    if (file->size() >= first.size()) SEALIFT_TRY(file->read_at(0, first));
    const auto text = base::as_text(first);
    const bool is_gzip = text.starts_with("\x1f\x8b"), is_zstd = text == "\x28\xb5\x2f\xfd";
    if (!is_gzip && !is_zstd) return describe("application/vnd.oci.image.layer.v1.tar", diff_id, file->size(), path);
    hash::Sha256 hasher;
    base::FunctionSink sink([&](ByteView data) -> Result<void> {
      hasher.update(data);
      return {};
    });
    SEALIFT_TRY(decompress(*file, path + " in " + files_.place(), sink));
    if (hasher.finish() != diff_id)
      return fail(ErrorCode::corrupt, "{} in {} has other content than the image's configuration says", path,
                  files_.place());
    SEALIFT_ASSIGN(const auto digest, hash::sha256(*file, 0, file->size()));
    return describe(
        is_gzip ? "application/vnd.oci.image.layer.v1.tar+gzip" : "application/vnd.oci.image.layer.v1.tar+zstd", digest,
        file->size(), path);
  }

  const StoredFiles& files_;
  const DockerImage& image_;
  MadeManifest out_;
};

}  // namespace

Result<MadeManifest> make_manifest(const StoredFiles& files, const DockerImage& image) {
  return Maker(files, image).make();
}

Result<std::vector<DockerImage>> parse_docker_images(ByteView manifest_json) {
  const auto document = json::parse(base::as_text(manifest_json));
  if (!document || !document->is_array()) return refuse("it is not a JSON list");
  if (document->elements()->size() > kMaxImages) return refuse(base::format("it has more than {} images", kMaxImages));
  std::vector<DockerImage> out;
  for (const auto& item : *document->elements()) {
    const auto *config = item.find("Config"), *layers = item.find("Layers"), *tags = item.find("RepoTags");
    if (config == nullptr || layers == nullptr) return refuse("an image without Config or Layers");
    DockerImage image;
    SEALIFT_ASSIGN(image.config, path_in(*config));
    if (!layers->is_null()) {
      if (!layers->is_array() || layers->elements()->size() > kMaxLayers)
        return refuse("Layers is not a list, or is too long");
      for (const auto& layer : *layers->elements()) {
        SEALIFT_ASSIGN(auto path, path_in(layer));
        image.layers.push_back(std::move(path));
      }
    }
    if (tags != nullptr && tags->is_array()) {
      for (const auto& tag : *tags->elements()) {
        if (tag.string() != nullptr) image.tags.push_back(*tag.string());
      }
    }
    out.push_back(std::move(image));
  }
  return out;
}

}  // namespace sealift::sources
